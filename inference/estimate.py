"""How many tokens a prompt may have, without a tokenizer: an upper estimate from its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import orjson

from inference.model import Message, ModelRequest

TOKENS_PER_MESSAGE = 8
"""Role markers and separators of a chat template."""

LONGEST_WORD = 24
"""A longer run of letters is an encoding or noise, where tokens are short."""

_WORD = re.compile(r"[A-Z]?[a-z]+")
_MOST_REMEMBERED = 8_192
"""Characters of a text whose size is remembered: a prompt is measured again and again as it grows."""

_SHORTEST_WORD = 3
_WORDY = 0.5


@dataclass(frozen=True, kw_only=True)
class Size:
    """Upper estimates in tokens: of texts made of words, where the truth is about half, and of others.

    Others are encodings, tables and scripts without spaces; for some of them the estimate is the truth.
    """

    wordy: int = 0
    dense: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(wordy=self.wordy + other.wordy, dense=self.dense + other.dense)

    @property
    def tokens(self) -> int:
        return self.wordy + self.dense


def text_size(text: str) -> Size:
    """At least as many tokens as byte-pair vocabularies make of prose, code, tables or hex.

    Everything that is not a word or a space counts a token a byte, the most there can be; a word counts one
    for each three letters begun, or one a letter where it is too long to be a word. About 1.8 times the
    truth for prose and code, and about the truth for base64, the worst case.
    """
    return _short_text_size(text) if len(text) <= _MOST_REMEMBERED else _counted(text)


def _counted(text: str) -> Size:
    lengths = [len(word) for word in _WORD.findall(text)]
    tokens = sum((length + 2) // 3 if length <= LONGEST_WORD else length for length in lengths)
    spaces = text.count(" ")
    rest = len(text.encode("utf-8", "replace")) - spaces
    tokens += rest - sum(lengths) + (spaces + 3) // 4
    in_words = sum(length for length in lengths if _SHORTEST_WORD <= length <= LONGEST_WORD)
    return Size(wordy=tokens) if in_words >= _WORDY * rest else Size(dense=tokens)


_short_text_size = lru_cache(maxsize=2048)(_counted)


def text_tokens(text: str) -> int:
    """Upper estimate for one text; see `text_size`."""
    return text_size(text).tokens


def messages_size(messages: Iterable[Message]) -> Size:
    return sum((_message_size(message) for message in messages), Size())


def extras_size(request: ModelRequest) -> Size:
    """Of tools and schema, which nodes put into the prompt in ways of their own."""
    extras = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in request.tools
    ]
    if request.output_schema is not None:
        extras.append({"schema": request.output_schema})
    framed = Size(wordy=TOKENS_PER_MESSAGE * len(extras))
    return sum((text_size(orjson.dumps(extra).decode()) for extra in extras), framed)


def prompt_tokens(request: ModelRequest) -> int:
    """Upper estimate for messages, tools and schema together."""
    return (messages_size(request.messages) + extras_size(request)).tokens


def _message_size(message: Message) -> Size:
    calls = (text_size(call.name + call.arguments) for call in message.tool_calls)
    framed = Size(wordy=TOKENS_PER_MESSAGE * (1 + len(message.tool_calls)))
    return sum(calls, framed + text_size(message.content))
