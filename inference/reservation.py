"""What is reserved for a call: learned from what calls like it used, and never more than the call allows.

A prompt that continues one the node has counted costs that count and its new part. What is new is estimated
from its bytes, corrected by how the node counted before; so is the room for the reply. All of it is kept in
the process alone: it only makes reservations smaller.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.estimate import TOKENS_PER_MESSAGE, Size, extras_size, messages_size
from inference.model import Message, ModelReply, ModelRequest

LEAST_ROOM = 96
_REMEMBERED = 64
"""Calls of each kind, and so how rare a call is that needs more than was reserved."""
_COUNTED_PROMPTS = 4_096
_LEAST_RATIO, _GREATEST_RATIO = 0.1, 1.5
_LEARNABLE_TOKENS = 50

_Kind = tuple[str, bool, bool, bool]
"""What a call is for; whether it continues a talk, offers tools, asks for a schema."""


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What is held for one call; the node is told `max_tokens`.

    Attributes:
        most_prompt_tokens: the estimate from the prompt's bytes alone. A grant must cover it although less is
            held: what was learned of other prompts may not hold for this one.
    """

    prompt_tokens: int
    most_prompt_tokens: int
    max_tokens: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.max_tokens


NOTHING = Reservation(prompt_tokens=0, most_prompt_tokens=0, max_tokens=0)


class Reserver:
    """Knows one node and model."""

    def __init__(self) -> None:
        self._counted: OrderedDict[bytes, int] = OrderedDict()
        self._ratios: dict[_Kind, deque[float]] = defaultdict(_recent)
        self._spoken: dict[_Kind, deque[float]] = defaultdict(_recent)

    def reservation(self, request: ModelRequest, room: int | None = None) -> Reservation:
        """For one call; `room` is what its reply may have, where that was decided before."""
        most = self.room(request) if room is None else min(room, request.max_tokens)
        prompt, whole = self.prompt(request), messages_size(request.messages) + extras_size(request)
        return Reservation(
            prompt_tokens=prompt, most_prompt_tokens=max(prompt, whole.tokens), max_tokens=most
        )

    def prompt(self, request: ModelRequest) -> int:
        """Upper estimate of the prompt, as far as can be learned."""
        counted, new = self._split(request)
        ratio = _above(self._ratios[_kind(request)], least=0.1) or 1.0
        return counted + math.ceil(new.wordy * min(ratio, _GREATEST_RATIO)) + new.dense

    def room(self, request: ModelRequest) -> int:
        """Tokens for the reply: more than any recent call of this kind used, at most what it allows."""
        most = _above(self._spoken[_kind(request)], least=0.25)
        return (
            request.max_tokens if most is None else min(request.max_tokens, max(LEAST_ROOM, math.ceil(most)))
        )

    def learn(self, request: ModelRequest, reply: ModelReply) -> None:
        """From one reply and the request it was given to, as it was sent."""
        usage, kind = reply.usage, _kind(request)
        whole = messages_size(request.messages) + extras_size(request)
        if not usage.known or usage.prompt_tokens < _LEAST_RATIO * whole.tokens:
            return
        counted, new = self._split(request)
        if new.wordy >= max(_LEARNABLE_TOKENS, 10 * new.dense):
            ratio = (usage.prompt_tokens - counted - new.dense) / new.wordy
            self._ratios[kind].append(min(max(ratio, _LEAST_RATIO), _GREATEST_RATIO))
        self._spoken[kind].append(usage.completion_tokens)
        said = Message(role="assistant", content=reply.content, tool_calls=reply.tool_calls)
        *_, asked, answered = [b"", *_trail(request, [*request.messages, said])]
        self._remember(asked, usage.prompt_tokens)
        self._remember(answered, usage.total + TOKENS_PER_MESSAGE)

    def _split(self, request: ModelRequest) -> tuple[int, Size]:
        """Tokens of the longest beginning that was counted, and the size of what is new behind it."""
        trail = list(_trail(request, request.messages))
        for length in range(len(trail), 0, -1):
            counted = self._counted.get(trail[length - 1])
            if counted is not None:
                schema = extras_size(request.model_copy(update={"tools": ()}))
                return counted, messages_size(request.messages[length:]) + schema
        return 0, messages_size(request.messages) + extras_size(request)

    def _remember(self, key: bytes, tokens: int) -> None:
        self._counted[key] = tokens
        self._counted.move_to_end(key)
        if len(self._counted) > _COUNTED_PROMPTS:
            self._counted.popitem(last=False)


def _recent() -> deque[float]:
    return deque(maxlen=_REMEMBERED)


def _above(seen: Sequence[float], *, least: float) -> float | None:
    """More than the most that was seen, by a margin that shrinks with how much was seen."""
    return max(seen) * (1 + least + 0.5 / len(seen)) if seen else None


def _kind(request: ModelRequest) -> _Kind:
    continues = any(message.role == "assistant" for message in request.messages)
    return request.kind, continues, bool(request.tools), request.output_schema is not None


def _trail(request: ModelRequest, messages: Sequence[Message]) -> Iterator[bytes]:
    """A key for each beginning of the prompt; the tools come before all of them."""
    key = _digest(b"", *(part for tool in request.tools for part in (tool.name, tool.model_dump_json())))
    for message in messages:
        calls = (part for call in message.tool_calls for part in (call.name, call.arguments))
        key = _digest(key, message.role, message.content, *calls)
        yield key


def _digest(before: bytes, *parts: str) -> bytes:
    digest = hashlib.blake2b(before, digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.digest()
