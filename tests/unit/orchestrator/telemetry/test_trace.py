"""Events become spans: whole, nested, the same each time, and without a word of anybody's."""

from __future__ import annotations

from collections import Counter

import pytest

from core.tracing import TraceContext, span_of
from orchestrator.telemetry import conventions as c
from tests.unit.orchestrator.telemetry.stories import CHILD, ROOT, SECRET, TASK, Story, call, whole

CALLER = TraceContext(trace="a" * 32, span="b" * 16)


def test_a_task_is_one_whole_nested_trace() -> None:
    story = whole()
    story.check()
    assert Counter(span.name for span in story.spans) == {
        "invoke_workflow task": 1,
        "invoke_agent lead": 1,
        "invoke_agent worker": 1,
        "turn 1": 2,
        "turn 2": 1,
        "retrieval memory": 1,
        "guard memory": 2,
        "chat small-model": 2,
        "execute_tool read_file": 1,
        "execute_tool http_get": 1,
        "gate return": 1,
        "learn": 1,
    }
    assert {span.trace for span in story.spans} == {TASK.hex}
    assert story.named("invoke_agent worker").parent == story.named("invoke_agent lead").id


def test_spans_have_the_names_that_others_read() -> None:
    story = whole()
    plan = next(span for span in story.spans if span.attributes.get(c.PURPOSE) == "plan")
    assert plan.remote
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.vertex_ai",
        "gen_ai.request.model": "small-model",
        "gen_ai.response.model": "small-model-2026",
        "gen_ai.usage.input_tokens": 90,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.response.finish_reasons": ("stop",),
        "openinference.span.kind": "LLM",
        "llm.token_count.total": 100,
        "llm.cost.total": 0.0015,
        "treehold.budget.reserved_tokens": 500,
        "treehold.budget.settled_tokens": 100,
    }.items() <= plan.attributes.items()
    assert story.named("execute_tool read_file").attributes[c.TAINTED] is True
    refused = story.named("execute_tool http_get")
    assert (refused.error, refused.attributes[c.DECISION]) == ("tool_denied", "refused")
    lead = story.named("invoke_agent lead").attributes
    assert (lead[c.SETTLED_TOKENS], lead[c.TURNS], lead[c.QUEUE_SECONDS]) == (100, 2, 1.0)
    labels = [span.attributes[c.EVALUATION_LABEL] for span in story.spans if span.name == "guard memory"]
    assert labels == ["accepted", "held_back"]


def test_texts_are_told_only_where_that_is_wanted() -> None:
    assert SECRET not in repr(whole().spans)
    told = Story(content=True).begin().end()
    assert told.named("invoke_workflow task").attributes[c.GOAL] == SECRET


def test_the_same_events_give_the_same_spans_wherever_they_are_taken_up() -> None:
    story = whole()
    for cut in range(len(story.events)):
        again = Story()
        for event in story.events[:cut]:
            again.trace.take(event)
        rest = [span for event in story.events[cut:] for span in again.trace.take(event)]
        assert rest == story.spans[len(story.spans) - len(rest) :]


def test_a_caller_is_what_the_task_is_a_part_of() -> None:
    story = Story(caller=CALLER).begin().tell("agent.finished", ROOT).end()
    task = story.named("invoke_workflow task")
    assert (task.trace, task.parent, task.called) == (CALLER.trace, CALLER.span, True)
    assert {span.trace for span in story.spans} == {CALLER.trace}


def test_a_lost_worker_shows_as_a_lost_turn_and_attempt() -> None:
    story = Story().begin().ask(ROOT, "plan")
    story.tell("agent.reclaimed", ROOT, fence=2, lost_turns=1)
    story.tell("agent.resumed", ROOT, turn=2, fence=3, worker="two:2")
    story.tell("model.retried", ROOT, call=call("plan"), reason="lost", attempt=2)
    story.answer(ROOT, "plan").tell("agent.finished", ROOT).end()
    story.check()
    lost = story.named("turn 1")
    assert (lost.error, lost.attributes[c.TURN_END]) == ("worker_lost", "lost")
    first, second = [span for span in story.spans if span.name == "chat small-model"]
    assert (first.error, first.parent) == ("worker_lost", lost.id)
    assert (second.error, second.parent) == (None, story.named("turn 2").id)
    assert [moment.name for moment in second.moments] == ["model.retried"]


def test_a_turn_that_was_handed_back_ended_with_the_last_it_did() -> None:
    story = Story().begin().ask(ROOT, "plan").answer(ROOT, "plan")
    last = story.events[-1].at
    story.tell("agent.resumed", ROOT, turn=2, fence=3).tell("agent.finished", ROOT).end()
    story.check()
    first = story.named("turn 1")
    assert (first.end, first.attributes[c.TURN_END], first.error) == (last, "handed_back", None)


def test_what_is_cancelled_ends_together() -> None:
    story = Story().begin().spawn(CHILD, ROOT).tell("agent.started", CHILD, turn=1, fence=1)
    story.ask(CHILD, "work").tell("task.cancelling")
    story.tell("agent.cancelled", ROOT).tell("agent.cancelled", CHILD).end("cancelled")
    story.check()
    assert story.named("chat small-model").error == "unknown_outcome"
    assert story.named("invoke_agent worker").error is None


def test_a_call_that_outlives_its_turn_is_its_agents() -> None:
    story = Story().begin()
    story.tell("tool.started", ROOT, call=call("t"), name="wait", arguments="{}")
    story.tell("agent.waiting", ROOT, on="timer").tell("agent.resumed", ROOT, turn=2, fence=2)
    story.tell("tool.finished", ROOT, call=call("t"), name="wait").tell("agent.finished", ROOT).end()
    story.check()
    assert story.named("execute_tool wait").parent == story.named("invoke_agent lead").id


@pytest.mark.parametrize(
    ("decision", "label", "told"), [("approve", "approve", "allowed"), (None, "withdrawn", "refused")]
)
def test_an_approval_is_as_long_as_the_wait(decision: str | None, label: str, told: str) -> None:
    approval = call("approval")
    story = Story().begin().tell("approval.requested", ROOT, approval=approval, name="send", tainted=True)
    story.tell("agent.waiting", ROOT, on="approval")
    if decision is not None:
        story.tell("approval.decided", ROOT, approval=approval, decision=decision)
    story.tell("agent.cancelled", ROOT).end("cancelled")
    story.check()
    span = story.named("approval send")
    assert (span.attributes[c.EVALUATION_LABEL], span.attributes[c.DECISION]) == (label, told)
    assert (span.end - span.start).total_seconds() == 2


def test_a_failed_task_names_its_reason() -> None:
    story = Story().begin().tell("agent.failed", ROOT, code="model_unavailable", message=SECRET)
    story.tell("task.finished", status="failed", stop_reason="error")
    assert story.named("invoke_workflow task").error == "error"
    assert story.named("invoke_agent lead").error == "model_unavailable"
    assert SECRET not in repr(story.spans)


def test_ids_of_spans_follow_from_rows() -> None:
    assert whole().named("invoke_workflow task").id == span_of(TASK)
    assert len(span_of(TASK)) == 16
    assert span_of(ROOT, "turn", "1") != span_of(ROOT, "turn", "2")
