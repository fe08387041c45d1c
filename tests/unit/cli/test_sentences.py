from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from cli.sentences import Narrator, appeal
from tests.unit.cli.trees import event, spawned

ROOT, CHILD = uuid4(), uuid4()


@pytest.fixture
def narrator() -> Narrator:
    """One that knows a lead and its worker."""
    narrator = Narrator()
    assert narrator.sentence(spawned(ROOT, parent=None)) == "a lead agent takes the task"
    sent = narrator.sentence(spawned(CHILD, parent=ROOT, title="Budget 2024"))
    assert sent == "worker “Budget 2024” is sent out"
    return narrator


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("recall.used", {"records": [{"kind": "insight"}] * 3}, "recalled 3 insights"),
        ("recall.used", {"records": []}, None),
        ("recall.held_back", {"records": ["r"]}, "held back 1 record"),
        (
            "model.finished",
            {"prompt_tokens": 800, "completion_tokens": 12, "seconds": 0.41},
            "the model answered worker “Budget 2024” in 0.4 s, 812 tokens",
        ),
        ("agent.finished", {"seconds": 0.61}, "worker “Budget 2024” finished after 0.6 s"),
        ("agent.failed", {"code": "x", "message": "broke"}, "worker “Budget 2024” failed: broke"),
        (
            "tool.refused",
            {"call": "c", "name": "http_get", "code": "denied", "message": "no such host is allowed"},
            "worker “Budget 2024” could not use http_get: no such host is allowed",
        ),
        ("agent.waiting", {"on": "children", "children": 4}, "worker “Budget 2024” waits for 4 agents"),
        (
            "agent.waiting",
            {"on": "timer", "until": "2026-11-21T08:30:00.5+00:00", "children": 0},
            "worker “Budget 2024” waits until 2026-11-21T08:30:00 UTC",
        ),
        ("agent.waiting", {"on": "approval", "approval": "a", "children": 0}, None),
        ("approval.requested", {"approval": "a", "name": "post"}, None),
        (
            "approval.decided",
            {"name": "post", "decision": "deny", "expired": True},
            "post is denied, for nobody decided in time",
        ),
        ("approval.decided", {"name": "post", "decision": "approve", "expired": False}, "post is approved"),
        ("task.paused", {}, "paused; calls in flight finish"),
        ("tree.revised", {"revision": 1}, None),
        (
            "message.received",
            {"number": 2, "kind": "revise", "node": "s1", "text": "Since May"},
            "message 2: revise s1 Since May",
        ),
        ("message.applied", {"number": 2, "revision": 9}, "worker “Budget 2024” took message 2 in"),
        ("message.answered", {"number": 3, "reply": "Half"}, "message 3 is answered: Half"),
        ("message.refused", {"number": 4, "message": "too late"}, "message 4 is refused: too late"),
        ("some.later", {}, None),
        ("model.finished", {}, "model.finished"),
    ],
)
def test_an_event_is_a_sentence_or_nothing(
    narrator: Narrator, kind: str, data: dict[str, Any], told: str | None
) -> None:
    assert narrator.sentence(event(kind, CHILD, **data)) == told


def test_a_tool_call_is_told_when_it_is_done_with_what_it_was_done_to(narrator: Narrator) -> None:
    began = event("tool.started", CHILD, call="c", name="read_file", arguments='{"path": "a.csv"}')
    assert narrator.sentence(began) is None
    done = event("tool.finished", CHILD, call="c", name="read_file")
    assert narrator.sentence(done) == "worker “Budget 2024” read file a.csv"


def test_arguments_that_were_cut_leave_the_deed(narrator: Narrator) -> None:
    narrator.sentence(
        event("tool.started", CHILD, call="c", name="search_files", arguments='{"pattern": "lo…')
    )
    done = event("tool.finished", CHILD, call="c", name="search_files")
    assert narrator.sentence(done) == "worker “Budget 2024” searched the files for"


def test_how_the_root_failed_is_left_to_the_end(narrator: Narrator) -> None:
    assert narrator.sentence(event("agent.failed", ROOT, code="x", message="broke")) is None


def test_nothing_that_a_terminal_would_obey_is_told() -> None:
    narrator = Narrator()
    narrator.sentence(spawned(ROOT, parent=None))
    told = narrator.sentence(spawned(CHILD, parent=ROOT, title="a\x1b[2J\nb"))
    assert told == "worker “a[2J b” is sent out"


def test_a_person_is_told_what_to_decide_and_how() -> None:
    asked = event("approval.requested", CHILD, approval="0-1", kind="tool", name="post", arguments='{"a": 1}')
    assert appeal(asked) == (
        'an approval is awaited: post {"a": 1}\n  to decide: treehold approve 0-1, or: treehold deny 0-1'
    )
    lost = event("approval.requested", CHILD, approval="0-1", kind="unknown_outcome", name="post\x1b[2J")
    assert "nobody knows whether it took effect: post[2J" in str(appeal(lost))
    assert appeal(event("approval.decided", CHILD, approval="0-1")) is None
