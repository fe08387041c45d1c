"""A worker that gets nowhere is noticed, and one that gets on is left alone."""

from __future__ import annotations

import json

import pytest

from agents import progress
from inference.model import Message, ToolCall

Step = tuple[str, str]
"""What a call asks for, and what came of it."""


def talk(*replies: list[Step]) -> list[Message]:
    messages = [Message(role="system", content="Work."), Message(role="user", content="Why?")]
    for number, reply in enumerate(replies):
        made = tuple(
            ToolCall(id=f"{number}/{place}", name="read_file", arguments=json.dumps({"path": asked}))
            for place, (asked, _) in enumerate(reply)
        )
        messages.append(Message(role="assistant", tool_calls=made))
        messages += [
            Message(role="tool", content=result, tool_call_id=call.id)
            for call, (_, result) in zip(made, reply, strict=True)
        ]
    return messages


FAILED = "error (tool_failed): there is no such file"


@pytest.mark.parametrize(
    "replies",
    [
        [[("a", "one")], [("a", progress.AGAIN)], [("a", progress.AGAIN)], [("a", progress.AGAIN)]],
        [[("a", "one")], [("a", progress.AGAIN)] * 3],
        [[("a", FAILED)], [("b", "two")], [("a", FAILED)], [("a", FAILED)], [("a", FAILED)]],
        [[("a", FAILED)], [("b", FAILED)], [("c", FAILED)], [("d", FAILED)]],
        [[("a", "one")], *([(name, "one")] for name in "bcde")],
    ],
    ids=["the same call", "at once", "the same failure", "only failures", "the same result"],
)
def test_circles_are_named(replies: list[list[Step]]) -> None:
    assert progress.circling(talk(*replies)) is not None
    assert progress.circling(talk(*replies[:-1])) is None, "not before"


def test_new_results_are_progress_whatever_went_wrong_between() -> None:
    replies = [[(name, FAILED)] for name in "abc"] + [[("d", "found")]] + [[(name, FAILED)] for name in "efg"]
    assert progress.circling(talk(*replies)) is None


def test_a_worker_that_reads_on_may_read_on() -> None:
    assert progress.circling(talk(*([(f"f{n}", f"text {n}")] for n in range(50)))) is None
