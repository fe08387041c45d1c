"""What is reserved comes near what is used, and stays above it."""

from __future__ import annotations

import base64
import random

from inference import Message, ModelReply, ModelRequest, Usage
from inference.estimate import prompt_tokens
from inference.reservation import LEAST_ROOM, Reserver

PROSE = "Backups are kept for thirty days on the second machine, and checked once a month. "


def asked(*contents: str, kind: str = "act", max_tokens: int = 2_000) -> ModelRequest:
    """A talk in which user and model take turns."""
    roles = ("user", "assistant")
    messages = tuple(
        Message(role=roles[number % 2], content=content)  # pyright: ignore[reportArgumentType] - one of the two
        for number, content in enumerate(contents)
    )
    return ModelRequest(kind=kind, messages=messages, max_tokens=max_tokens)


def said(prompt: int, completion: int, content: str = "ok") -> ModelReply:
    return ModelReply(content=content, usage=Usage(prompt_tokens=prompt, completion_tokens=completion))


def test_nothing_is_assumed_before_anything_was_counted() -> None:
    request = asked(PROSE)
    reserved = Reserver().reservation(request)
    assert (reserved.prompt_tokens, reserved.max_tokens) == (prompt_tokens(request), 2_000)


def test_a_prompt_that_goes_on_costs_what_was_counted_and_what_is_new() -> None:
    reserver, first = Reserver(), asked(PROSE * 50)
    reserver.learn(first, said(1_000, 20, "It is so."))
    following = asked(PROSE * 50, "It is so.", "Why?")
    new = prompt_tokens(asked("It is so.", "Why?"))
    assert 1_020 <= reserver.prompt(following) <= 1_000 + 20 + new
    assert reserver.prompt(asked(PROSE * 50, "It is otherwise.", "Why?")) <= 1_000 + 2 * new
    assert reserver.prompt(asked(PROSE * 49, "It is so.", "Why?")) > 1_100


def test_a_new_prompt_is_corrected_by_how_the_node_counted_others() -> None:
    reserver = Reserver()
    for number in range(8):
        request = asked(f"{number} {PROSE * 20}")
        reserver.learn(request, said(prompt_tokens(request) // 2, 10))
    new = asked(f"And now: {PROSE * 40}")
    assert prompt_tokens(new) // 2 <= reserver.prompt(new) <= 0.65 * prompt_tokens(new)


def test_what_is_not_made_of_words_is_never_counted_lower() -> None:
    """For base64 the estimate is the truth, however prose was counted."""
    reserver = Reserver()
    for number in range(8):
        request = asked(f"{number} {PROSE * 20}")
        reserver.learn(request, said(prompt_tokens(request) // 2, 10))
    noise = asked(base64.b64encode(random.Random(1).randbytes(3_000)).decode())
    assert reserver.prompt(noise) >= prompt_tokens(noise) - 10


def test_the_room_for_a_reply_follows_what_this_kind_of_call_used() -> None:
    reserver, request = Reserver(), asked(PROSE)
    for used in (200, 300, 250, 220):
        reserver.learn(request, said(40, used))
    assert 300 < reserver.room(request) < 450
    assert reserver.room(asked(PROSE, kind="plan")) == 2_000
    assert reserver.room(request.model_copy(update={"max_tokens": 150})) == 150
    reserver.learn(request, said(40, 1_900))
    assert reserver.room(request) == 2_000


def test_short_replies_leave_some_room() -> None:
    reserver, request = Reserver(), asked(PROSE)
    for _ in range(20):
        reserver.learn(request, said(40, 1))
    assert reserver.room(request) == LEAST_ROOM


def test_counts_that_cannot_be_teach_nothing() -> None:
    reserver, request = Reserver(), asked(PROSE * 20)
    before = reserver.reservation(request)
    reserver.learn(request, said(0, 0))
    reserver.learn(request, ModelReply(usage=Usage(prompt_tokens=100, known=False)))
    assert reserver.reservation(request) == before
