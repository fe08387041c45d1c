"""How a model or its node can misbehave: in one role, at one moment, once or always."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bench.support.replies import (
    Answer,
    CutStream,
    Hang,
    HttpError,
    RawBody,
    Reply,
    StreamError,
    ToolUse,
    calls,
    rate_limited,
    refusal,
    text,
)
from bench.support.small_model import Asked, Fault, Moment, Twist
from tests.acceptance.models.site import MODEL_KEY
from treehold import Budget

VICTIM = "beta.md"
"""The file of the worker that is hit; its siblings are left alone."""

WHOLE = 8
"""Requests of a task without faults: a plan, three workers of two calls each, an answer."""

ALWAYS = None
MEGABYTE = 1_000_000
LONG = Answer(content="This will never be finished, " * 20)
REPORTING: frozenset[Moment] = frozenset({"report", "return"})
WORKING: frozenset[Moment] = frozenset({"act", "report"})


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, and what it may cost.

    Attributes:
        extra: how many more requests the node gets than without the fault.
        longer: how many of its replies may be asked for again because they were longer than those before.
        worker: the error code of the worker that was hit; None where it recovers.
        task: the error code of the task; None where it is done.
        event: a kind of event that must tell of it, and its code.
    """

    name: str
    at: frozenset[Moment]
    reply: Reply | Twist
    times: int | None = 1
    extra: int = 1
    longer: int = 0
    worker: str | None = None
    task: str | None = None
    event: tuple[str, str] | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def goal(self) -> str:
        return f"How are backups kept and restored? Case {self.name}."

    @property
    def hits_worker(self) -> bool:
        return not self.at & {"plan", "answer"}

    def faults(self) -> list[Fault]:
        file = VICTIM if self.hits_worker else ""
        return [
            Fault(task=f"Case {self.name}.", at=set(self.at), reply=self.reply, file=file, times=self.times)
        ]


def at(*moments: Moment) -> frozenset[Moment]:
    return frozenset(moments)


def prosy(_: Asked, good: Answer) -> Answer:
    return text(f"Sure! Here is what I found:\n{good.content}\nI hope this helps.")


def false_quote(asked: Asked, _: Answer) -> Answer:
    found = {"file": VICTIM, "line": 3, "quote": "Backups are never kept."}
    return text(json.dumps({"status": "found", "findings": [found]}))


def wrong_shape(_: Asked, good: Answer) -> Answer:
    return text(json.dumps({"status": "found", "findings": "many", "mood": "good"}))


def unknown_cites(_: Asked, __: Answer) -> Answer:
    return text(json.dumps({"paragraphs": [{"text": "Trust me.", "cites": ["c99"]}], "complete": True}))


def plan_of(**changes: object) -> Answer:
    step: dict[str, object] = {
        "title": "t",
        "question": "q",
        "inputs": list[str](),
        "split": False,
        "after": list[int](),
    }
    return text(json.dumps({"subtasks": [step | changes]}))


def unprintable(asked: Asked, _: Answer) -> Answer:
    return text('{"status": "not_found", "findings": [], "summary": "nul \\u0000 half \\ud800 bell \\u0007"}')


def unprintable_answer(_: Asked, __: Answer) -> Answer:
    return text('{"paragraphs": [{"text": "nul \\u0000 half \\ud800", "cites": []}], "complete": true}')


def many_calls(asked: Asked, _: Answer) -> Answer:
    uses = [
        ToolUse(name="read_file", arguments=json.dumps({"path": VICTIM, "start": n})) for n in range(1, 41)
    ]
    return calls(*uses)


MALFORMED = text('{"status": "found", "findings": [')
SAME = calls(ToolUse(name="read_file", arguments=json.dumps({"path": VICTIM})))
OUTSIDE = calls(ToolUse(name="read_file", arguments=json.dumps({"path": "../../etc/passwd"})))
LINKED = calls(ToolUse(name="read_file", arguments=json.dumps({"path": "/etc/passwd"})))
SIBLING = calls(ToolUse(name="read_file", arguments=json.dumps({"path": "alpha.md"})))
UNKNOWN = calls(ToolUse(name="launch_rocket", arguments='{"to": "the moon"}'))
NOT_JSON = calls(ToolUse(name="read_file", arguments="path=beta.md"))
HUGE = Answer(content="word " * (MEGABYTE // 5), chunk=8192)
HUGE_CALL = Answer(tool_calls=(ToolUse(name="read_file", arguments="x" * MEGABYTE),), chunk=8192)
HALF = Answer(content="half a", finish_reason="length")
ODD = calls(ToolUse(name="functions.read file\n", arguments='["beta.md"]'))
ECHOES_KEY = HttpError(status=401, message=f"Incorrect API key provided: {MODEL_KEY}")
FEW = Budget(model_calls=5)

WORKER_CASES = [
    Case(name="malformed once", at=at("report"), reply=MALFORMED),
    Case(
        name="malformed always",
        at=REPORTING,
        reply=MALFORMED,
        times=ALWAYS,
        extra=2,
        worker="model_output_invalid",
    ),
    Case(name="prose once", at=at("report"), reply=prosy),
    Case(
        name="prose always", at=REPORTING, reply=prosy, times=ALWAYS, extra=2, worker="model_output_invalid"
    ),
    Case(
        name="wrong schema once",
        at=at("report"),
        reply=wrong_shape,
        event=("gate.refused", "schema_mismatch"),
    ),
    Case(
        name="wrong schema always",
        at=REPORTING,
        reply=wrong_shape,
        times=ALWAYS,
        extra=2,
        worker="model_output_invalid",
    ),
    Case(
        name="refusal at once",
        at=at("act"),
        reply=refusal("I would rather not."),
        extra=-1,
        worker="model_refused",
    ),
    Case(name="refusal to report", at=at("report"), reply=refusal("No."), extra=0, worker="model_refused"),
    Case(
        name="rate limit once",
        at=at("act"),
        reply=rate_limited("1"),
        event=("model.retried", "model_rate_limited"),
    ),
    Case(
        name="rate limit always",
        at=at("act"),
        reply=rate_limited("0.2"),
        times=ALWAYS,
        worker="model_rate_limited",
    ),
    Case(
        name="rate limit for an hour",
        at=at("act"),
        reply=rate_limited("3600"),
        times=ALWAYS,
        extra=-1,
        worker="model_rate_limited",
    ),
    Case(
        name="error once",
        at=at("report"),
        reply=HttpError(status=500),
        event=("model.retried", "model_unavailable"),
    ),
    Case(
        name="error always",
        at=at("report"),
        reply=HttpError(status=500),
        times=ALWAYS,
        extra=2,
        worker="model_unavailable",
    ),
    Case(
        name="wrong key", at=at("act"), reply=ECHOES_KEY, times=ALWAYS, extra=-1, worker="model_access_denied"
    ),
    Case(name="silence once", at=at("act"), reply=Hang(), event=("model.retried", "model_timeout")),
    Case(name="silence always", at=at("act"), reply=Hang(), times=ALWAYS, worker="model_timeout"),
    Case(
        name="stall once",
        at=at("report"),
        reply=Hang(answer=LONG, deltas=3),
        event=("model.retried", "model_timeout"),
    ),
    Case(
        name="stall always",
        at=at("report"),
        reply=Hang(answer=LONG, deltas=3),
        times=ALWAYS,
        extra=2,
        worker="model_timeout",
    ),
    Case(
        name="cut once",
        at=at("act"),
        reply=CutStream(answer=LONG, deltas=3),
        event=("model.retried", "model_unavailable"),
    ),
    Case(
        name="cut always",
        at=at("act"),
        reply=CutStream(answer=LONG, deltas=3),
        times=ALWAYS,
        worker="model_unavailable",
    ),
    Case(name="cut politely", at=at("act"), reply=CutStream(answer=LONG, deltas=3, clean=True)),
    Case(name="error inside the stream", at=at("act"), reply=StreamError()),
    Case(
        name="a page of HTML",
        at=at("act"),
        reply=RawBody(body=b"<html>proxy</html>", content_type="text/html"),
    ),
    Case(name="unknown tool once", at=at("act"), reply=UNKNOWN, event=("tool.refused", "tool_input_invalid")),
    Case(name="unknown tool always", at=WORKING, reply=UNKNOWN, times=ALWAYS, extra=3, budget=FEW),
    Case(name="arguments once", at=at("act"), reply=NOT_JSON, event=("tool.refused", "tool_input_invalid")),
    Case(name="arguments always", at=WORKING, reply=NOT_JSON, times=ALWAYS, extra=3, budget=FEW),
    Case(name="path outside", at=at("act"), reply=OUTSIDE, event=("tool.refused", "tool_denied")),
    Case(name="absolute path", at=at("act"), reply=LINKED, event=("tool.refused", "tool_denied")),
    Case(name="path of a sibling", at=at("act"), reply=SIBLING, event=("tool.refused", "tool_denied")),
    Case(name="same call for ever", at=WORKING, reply=SAME, times=ALWAYS, extra=3, budget=FEW),
    Case(name="many calls at once", at=at("act"), reply=many_calls, extra=0),
    Case(
        name="false quote once", at=at("report"), reply=false_quote, event=("gate.refused", "quote_not_found")
    ),
    Case(
        name="false quote always",
        at=REPORTING,
        reply=false_quote,
        times=ALWAYS,
        worker="gate_refused",
        event=("gate.refused", "quote_not_found"),
    ),
    Case(name="nothing once", at=at("report"), reply=text("")),
    Case(
        name="nothing always",
        at=REPORTING,
        reply=text(""),
        times=ALWAYS,
        extra=2,
        worker="model_output_invalid",
    ),
    Case(name="a megabyte once", at=at("report"), reply=HUGE),
    Case(name="a megabyte always", at=REPORTING, reply=HUGE, times=ALWAYS, worker="model_output_invalid"),
    Case(name="a megabyte of arguments", at=at("act"), reply=HUGE_CALL, extra=0),
    Case(name="out of tokens once", at=at("report"), reply=HALF),
    Case(
        name="out of tokens always",
        at=REPORTING,
        reply=HALF,
        times=ALWAYS,
        longer=2,
        worker="model_output_invalid",
    ),
    Case(name="odd tool name", at=at("act"), reply=ODD, event=("tool.refused", "tool_input_invalid")),
    Case(name="unprintable", at=at("report"), reply=unprintable, extra=0),
]

LEAD_CASES = [
    Case(name="plan malformed once", at=at("plan"), reply=text('{"subtasks": [')),
    Case(
        name="plan malformed always",
        at=at("plan"),
        reply=text('{"subtasks": ['),
        times=ALWAYS,
        extra=2 - WHOLE,
        task="model_output_invalid",
    ),
    Case(name="plan in prose once", at=at("plan"), reply=prosy),
    Case(name="plan names unknown files once", at=at("plan"), reply=plan_of(inputs=["f77"])),
    Case(name="plan is empty once", at=at("plan"), reply=text('{"subtasks": []}')),
    Case(name="plan waits for itself once", at=at("plan"), reply=plan_of(after=[1])),
    Case(
        name="plan waits for itself always",
        at=at("plan"),
        reply=plan_of(after=[1]),
        times=ALWAYS,
        extra=2 - WHOLE,
        task="model_output_invalid",
    ),
    Case(name="plan refused", at=at("plan"), reply=refusal("No."), extra=1 - WHOLE, task="model_refused"),
    Case(
        name="plan error always",
        at=at("plan"),
        reply=HttpError(status=503),
        times=ALWAYS,
        extra=3 - WHOLE,
        task="model_unavailable",
    ),
    Case(
        name="plan rate limit always",
        at=at("plan"),
        reply=rate_limited("0.2"),
        times=ALWAYS,
        extra=3 - WHOLE,
        task="model_rate_limited",
    ),
    Case(name="plan stalls once", at=at("plan"), reply=Hang(answer=LONG, deltas=2)),
    Case(name="answer cites the unknown once", at=at("answer"), reply=unknown_cites),
    Case(
        name="answer cites the unknown always",
        at=at("answer"),
        reply=unknown_cites,
        times=ALWAYS,
        task="model_output_invalid",
    ),
    Case(name="answer refused", at=at("answer"), reply=refusal("No."), extra=0, task="model_refused"),
    Case(
        name="answer is cut always",
        at=at("answer"),
        reply=CutStream(answer=LONG, deltas=2),
        times=ALWAYS,
        extra=2,
        task="model_unavailable",
    ),
    Case(name="answer calls a tool once", at=at("answer"), reply=SAME),
    Case(name="answer unprintable", at=at("answer"), reply=unprintable_answer, extra=0),
]

CASES = [*WORKER_CASES, *LEAD_CASES]
