"""The scripted stream keeps to the shapes of the wire, so that what pages show of it holds for real tasks."""

from __future__ import annotations

from typing import get_args

from viewer_script import research
from viewer_server import Show

from core.events import EventKind
from orchestrator.services.views import ArtifactView, CallView, EventView


def test_scripted_events_calls_and_artifacts_are_of_the_wire() -> None:
    script = research("shapes")
    events = [EventView.model_validate(event) for event in script.events]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.kind for event in events} <= set(get_args(EventKind))
    assert all(CallView.model_validate(call) for call in script.calls.values())
    assert all(ArtifactView.model_validate(artifact) for artifact in script.artifacts)


def test_every_moment_of_a_script_is_a_tree_of_the_wire() -> None:
    script = research("moments")
    for published in range(1, len(script.events) + 1):
        tree = Show(script=script, published=published).tree()
        assert tree["task"]["last_event"] == published
