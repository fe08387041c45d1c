"""Events of tasks, as rows would have them, a second apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from core.tracing import TraceContext, span_of
from orchestrator.telemetry.span import Happening, Span
from orchestrator.telemetry.trace import TaskTrace

TENANT, TASK = UUID(int=7), UUID("01890000-0000-7000-8000-00000000abcd")
ROOT, CHILD = UUID(int=100), UUID(int=101)
BEGAN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECRET = "the goal nobody else may read"


def call(name: str) -> str:
    return str(uuid5(TASK, name))


class Story:
    """Takes events one by one, and keeps the spans they gave."""

    def __init__(self, *, caller: TraceContext | None = None, content: bool = False) -> None:
        self.events: list[Happening] = []
        self.spans: list[Span] = []
        self.trace = TaskTrace(TASK, TENANT, caller, content=content)

    def tell(self, kind: str, agent: UUID | None = None, **data: object) -> Story:
        seq = len(self.events) + 1
        event = Happening(seq=seq, at=BEGAN + timedelta(seconds=seq), kind=kind, agent=agent, data=data)
        self.events.append(event)
        self.spans += self.trace.take(event)
        return self

    def begin(self) -> Story:
        model = {"name": "small-model", "provider": "vertex_ai"}
        self.tell("task.submitted", goal=SECRET, model=model)
        self.spawn(ROOT, None, role="lead")
        return self.tell("agent.started", ROOT, turn=1, fence=1, worker="one:1")

    def spawn(self, agent: UUID, parent: UUID | None, *, role: str = "worker") -> Story:
        above = str(parent) if parent else None
        depth = 1 if parent else 0
        return self.tell("agent.spawned", agent, parent=above, role=role, title=SECRET, depth=depth)

    def ask(self, agent: UUID, name: str) -> Story:
        return self.tell(
            "model.started", agent, call=call(name), name=name, model="small-model", reserved_tokens=500
        )

    def answer(self, agent: UUID, name: str) -> Story:
        return self.tell(
            "model.finished",
            agent,
            call=call(name),
            name=name,
            model="small-model-2026",
            offline=False,
            prompt_tokens=90,
            completion_tokens=10,
            cached_tokens=64,
            cost=1500,
            estimated=False,
            finish_reason="stop",
            attempts=1,
        )

    def end(self, status: str = "done") -> Story:
        return self.tell("task.finished", status=status, stop_reason="completed")

    def named(self, name: str) -> Span:
        [found] = [span for span in self.spans if span.name == name]
        return found

    def check(self) -> None:
        """One root, every parent told, each span within its parent, and no id twice."""
        by_id = {span.id: span for span in self.spans}
        assert len(by_id) == len(self.spans)
        for span in self.spans:
            assert span.start <= span.end
            if span.id == span_of(TASK) or span.name == "learn":
                continue
            assert span.parent is not None
            above = by_id[span.parent]
            assert above.start <= span.start, (span.name, above.name)
            assert span.end <= above.end, (span.name, above.name)


def whole() -> Story:
    """A lead that recalls, plans, has a worker read, and answers; with everything in it once."""
    story = Story().begin()
    story.tell("recall.started", ROOT, call=call("recall"), position=0)
    records = [{"id": "m1", "similarity": 0.9, "title": SECRET}]
    story.tell("recall.used", ROOT, call=call("recall"), records=records, degraded=False)
    held = [{"id": "m2", "similarity": 0.8, "reason": "disagrees"}]
    story.tell("recall.held_back", ROOT, call=call("recall"), records=held)
    story.ask(ROOT, "plan").answer(ROOT, "plan")
    story.tell("tree.revised", ROOT, revision=1, changes=[{"title": SECRET}])
    story.spawn(CHILD, ROOT)
    story.tell("agent.waiting", ROOT, on="children", children=1)
    story.tell("agent.started", CHILD, turn=1, fence=1, worker="two:2")
    story.ask(CHILD, "work").answer(CHILD, "work")
    story.tell("tool.started", CHILD, call=call("t1"), name="read_file", arguments=SECRET, position=1)
    story.tell("tool.finished", CHILD, call=call("t1"), name="read_file", tainted=True)
    story.tell("tool.started", CHILD, call=call("t2"), name="http_get", arguments=SECRET, position=2)
    story.tell("tool.refused", CHILD, call=call("t2"), name="http_get", code="tool_denied", message=SECRET)
    story.tell("gate.accepted", CHILD, fields=["findings"])
    story.tell("agent.finished", CHILD, seconds=3, partial=False)
    story.tell("agent.resumed", ROOT, turn=2, fence=2, worker="one:1")
    story.tell("agent.finished", ROOT, seconds=9, partial=False)
    return story.end().tell("memory.learned", state="kept")
