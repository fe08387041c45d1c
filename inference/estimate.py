"""How many tokens a prompt may have, without a tokenizer: an upper estimate from its bytes."""

from __future__ import annotations

import re

import orjson

from inference.model import ModelRequest

TOKENS_PER_MESSAGE = 8
"""Role markers and separators of a chat template."""

LONGEST_WORD = 24
"""A longer run of letters is an encoding or noise, where tokens are short."""

_WORD = re.compile(r"[A-Z]?[a-z]+")


def text_tokens(text: str) -> int:
    """At least as many tokens as byte-pair vocabularies make of prose, code, tables or hex.

    Everything that is not a word or a space counts a token a byte, the most there can be; a word counts one
    for each three letters begun, or one a letter where it is too long to be a word. About 1.8 times the
    truth for prose and code, and about the truth for base64, the worst case.
    """
    words = _WORD.findall(text)
    tokens = sum((len(word) + 2) // 3 if len(word) <= LONGEST_WORD else len(word) for word in words)
    spaces = text.count(" ")
    others = len(text.encode("utf-8", "replace")) - sum(map(len, words)) - spaces
    return tokens + others + (spaces + 3) // 4


def prompt_tokens(request: ModelRequest) -> int:
    """Upper estimate for messages, tools and schema together."""
    messages = sum(
        TOKENS_PER_MESSAGE
        + text_tokens(message.content)
        + sum(text_tokens(call.name + call.arguments) + TOKENS_PER_MESSAGE for call in message.tool_calls)
        for message in request.messages
    )
    extras = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in request.tools
    ]
    if request.output_schema is not None:
        extras.append({"schema": request.output_schema})
    return messages + sum(TOKENS_PER_MESSAGE + text_tokens(orjson.dumps(extra).decode()) for extra in extras)


def call_tokens(request: ModelRequest) -> int:
    """Upper estimate for one whole call: its prompt and all the answer it allows."""
    return prompt_tokens(request) + request.max_tokens
