"""A task's events, folded into spans: the same events give the same spans, wherever and however often.

A span is told when it has ended. Turns and calls lie within their agent's span, agents within their parent's,
and the root agent within the task's: what is cancelled ends no later than what it was cancelled with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from core.tracing import TraceContext, span_of, trace_of
from orchestrator.telemetry import attributes
from orchestrator.telemetry import conventions as c
from orchestrator.telemetry.opened import Agent, Call, Turn
from orchestrator.telemetry.span import Attribute, Happening, Moment, Span
from orchestrator.telemetry.telling import Telling

MOST_MOMENTS = 128
"""Of one span; what comes later is left out."""

_LEFT = {"agent.waiting": "waiting", "agent.paused": "paused", "agent.reclaimed": "lost"}
_LOST = {"lost": "worker_lost", "handed_back": "handed_back"}
"""Ends of turns whose calls in flight are made again."""


class TaskTrace:
    """Takes all events of a task in order, from the first.

    Attributes:
        seq: the last one taken.
    """

    def __init__(
        self, task: UUID, tenant: UUID, caller: TraceContext | None, *, content: bool = False
    ) -> None:
        """`caller` is what the submission was a part of; `content` lets texts be told."""
        self.seq = 0
        self._task = task
        self._caller = caller
        self._content = content
        self._telling = Telling(trace_of(task, caller), tenant, task)
        self._submitted: Happening | None = None
        self._provider: str | None = None
        self._stopped: datetime | None = None
        self._finished: datetime | None = None
        self._moments: list[Moment] = []
        self._agents: dict[UUID, Agent] = {}
        self._handlers: Mapping[str, Callable[[Agent, Happening], None]] = {
            "agent.started": self._begin_turn,
            "agent.resumed": self._begin_turn,
            "agent.waiting": self._leave_turn,
            "agent.paused": self._leave_turn,
            "agent.reclaimed": self._leave_turn,
            "agent.finished": self._end_agent,
            "agent.failed": self._end_agent,
            "agent.cancelled": self._end_agent,
            "model.started": self._begin_call,
            "model.finished": self._finish_call,
            "model.failed": self._finish_call,
            "tool.started": self._begin_call,
            "tool.finished": self._finish_call,
            "tool.failed": self._finish_call,
            "tool.refused": self._finish_call,
            "recall.started": self._begin_call,
            "recall.used": self._recalled,
            "recall.held_back": self._recalled,
            "gate.accepted": self._gated,
            "gate.refused": self._gated,
            "approval.requested": self._ask,
            "approval.decided": self._decide,
        }

    def take(self, event: Happening) -> list[Span]:
        """The spans that end with this event."""
        self.seq = event.seq
        agent = None if event.agent is None else self._agents.get(event.agent)
        if agent is None:
            self._take_of_task(event)
        else:
            self._take_of_agent(agent, event)
            if agent.turn is not None:
                agent.turn.last = event.at
        return self._telling.told()

    def _take_of_task(self, event: Happening) -> None:
        match event.kind:
            case "task.submitted":
                self._submitted = event
                model: Mapping[str, str] = event.data.get("model") or {}
                self._provider = c.provider(model.get("provider"))
            case "agent.spawned" if event.agent is not None:
                self._spawned(event.agent, event)
            case "task.finished":
                self._finish(event)
            case "memory.learned" | "memory.failed":
                self._learned(event)
            case "task.cancelling":
                self._stopped = event.at
                self._note(self._moments, event)
            case _:
                self._note(self._moments, event)

    def _take_of_agent(self, agent: Agent, event: Happening) -> None:
        if (handler := self._handlers.get(event.kind)) is not None:
            handler(agent, event)
        elif (call := agent.calls.get(str(event.data.get("call")))) is not None:
            call.begin_again(event.at, agent.working_span)
            self._note(call.moments, event)
        else:
            self._note(agent.turn.moments if agent.turn else self._moments, event)

    # The task

    def _finish(self, event: Happening) -> None:
        submitted = self._submitted or event
        self._finished = event.at
        failed = event.data.get("status") == "failed"
        self._telling.tell(
            "invoke_workflow task",
            span_of(self._task),
            None if self._caller is None else self._caller.span,
            submitted.at,
            event.at,
            attributes.task(submitted.data, event.data, content=self._content),
            moments=self._moments,
            error=str(event.data.get("stop_reason")) if failed else None,
            called=self._caller is not None,
        )

    def _learned(self, event: Happening) -> None:
        """Behind the answer: what lies between is the wait for a worker, too."""
        failed = event.kind == "memory.failed"
        named = {c.OI_KIND: "CHAIN", "treehold.memory.state": event.data.get("state")}
        self._telling.tell(
            "learn",
            span_of(self._task, "learn"),
            span_of(self._task),
            self._finished or event.at,
            event.at,
            attributes.told(named),
            error="memory_failed" if failed else None,
        )

    # Agents and their turns

    def _spawned(self, agent: UUID, event: Happening) -> None:
        parent = event.data.get("parent")
        above = None if parent is None else UUID(parent)
        self._agents[agent] = Agent(
            spawned=event,
            id=agent,
            span=span_of(agent),
            parent=span_of(self._task) if above is None else span_of(above),
            above=above,
        )

    def _begin_turn(self, agent: Agent, event: Happening) -> None:
        if agent.turn is not None:
            self._end_turn(agent, agent.turn.last, "handed_back")
        agent.first = agent.first or event.at
        agent.turns += 1
        span = span_of(agent.id, "turn", str(event.data.get("fence")))
        agent.turn = Turn(started=event, span=span, last=event.at)

    def _leave_turn(self, agent: Agent, event: Happening) -> None:
        self._end_turn(agent, event.at, _LEFT[event.kind], waits_for=event.data.get("on"))

    def _end_turn(self, agent: Agent, at: datetime, how: str, *, waits_for: object = None) -> None:
        turn = agent.turn
        if turn is None:
            return
        agent.turn = None
        for call in agent.calls.values():
            if how in _LOST:
                self._lose_call(agent, call, turn, at, _LOST[how])
            else:
                call.parent = agent.span  # it outlives its turn
        self._telling.tell(
            f"turn {turn.started.data.get('turn')}",
            turn.span,
            agent.span,
            turn.started.at,
            at,
            attributes.turn(turn.started.data) | attributes.told({c.TURN_END: how, c.WAITS_FOR: waits_for}),
            moments=turn.moments,
            error=_LOST[how] if how == "lost" else None,
        )

    def _end_agent(self, agent: Agent, event: Happening) -> None:
        at = self._end_of(agent, event)
        agent.ended = at
        for call in list(agent.calls.values()):
            self._end_call(agent, call.id, event, at, error="unknown_outcome")
        for approval, asked in agent.asked.items():
            self._tell_approval(agent, approval, asked, at, {})
        agent.asked.clear()
        state = event.kind.removeprefix("agent.")
        self._end_turn(agent, at, state)
        waited = None if agent.first is None else (agent.first - agent.spawned.at).total_seconds()
        named = {
            c.QUEUE_SECONDS: waited,
            c.TURNS: agent.turns,
            c.INPUT_TOKENS: agent.settled["prompt_tokens"],
            c.OUTPUT_TOKENS: agent.settled["completion_tokens"],
            c.SETTLED_COST: agent.settled["cost"],
            c.SETTLED_TOKENS: agent.settled["prompt_tokens"] + agent.settled["completion_tokens"],
        }
        self._telling.tell(
            f"invoke_agent {agent.spawned.data.get('role')}",
            agent.span,
            agent.parent,
            agent.spawned.at,
            at,
            attributes.agent(agent.spawned, content=self._content)
            | attributes.agent_end(event, content=self._content)
            | attributes.told(named),
            error=str(event.data.get("code", "error")) if state == "failed" else None,
        )

    def _end_of(self, agent: Agent, event: Happening) -> datetime:
        """What is cancelled in one transaction is told of in any order."""
        above = self._agents.get(agent.above) if agent.above else None
        ends = [event.at, self._stopped, above and above.ended]
        return max(agent.spawned.at, min(at for at in ends if at is not None))

    # Calls

    def _begin_call(self, agent: Agent, event: Happening) -> None:
        call = str(event.data.get("call"))
        agent.calls[call] = _call(call, event, agent)

    def _lose_call(self, agent: Agent, call: Call, turn: Turn, at: datetime, error: str) -> None:
        """This attempt has ended here; the next turn makes another."""
        if call.start is not None:
            fence = str(turn.started.data.get("fence"))
            ended = Happening(seq=self.seq, at=at, kind="lost", agent=agent.id, data={})
            named = attributes.call(call.data, ended, content=False)
            span = span_of(UUID(call.id), "lost", fence)
            self._telling.tell(call.name, span, call.parent, call.start, at, named, error=error)
        call.start = None

    def _finish_call(self, agent: Agent, event: Happening) -> None:
        for unit in ("prompt_tokens", "completion_tokens", "cost"):
            agent.settled[unit] += event.data.get(unit, 0)
        failed = event.kind in {"model.failed", "tool.failed", "tool.refused"}
        error = str(event.data.get("code", "error")) if failed else None
        self._end_call(agent, str(event.data.get("call")), event, event.at, error=error)

    def _end_call(
        self, agent: Agent, call: str, event: Happening, at: datetime, *, error: str | None
    ) -> None:
        open_call = agent.calls.pop(call, None)
        if open_call is None:
            open_call = _call(call, event, agent)
        # Nothing is told of a tool that is run again: it was in this turn.
        open_call.begin_again(agent.turn.started.at if agent.turn else at, agent.working_span)
        told = self._of_call(open_call, event)
        self._telling.tell(
            open_call.name,
            span_of(UUID(call)),
            open_call.parent,
            min(open_call.start or at, at),
            at,
            told,
            moments=open_call.moments,
            error=error,
            remote=told.get(c.OPERATION) == "chat",
        )

    def _of_call(self, call: Call, event: Happening) -> dict[str, Attribute]:
        match call.kind:
            case "model":
                return attributes.model(self._provider, call.data, event, content=self._content)
            case "tool":
                return attributes.tool(call.data, event, content=self._content)
            case _:
                return attributes.recall(call.data, event, content=self._content)

    # Verdicts

    def _recalled(self, agent: Agent, event: Happening) -> None:
        call = str(event.data.get("call"))
        if event.kind == "recall.used":
            self._end_call(agent, call, event, event.at, error=None)
        told, moments = attributes.guard(event)
        span, at = span_of(UUID(call), event.kind), event.at
        self._telling.tell("guard memory", span, agent.working_span, at, at, told, moments=moments)

    def _gated(self, agent: Agent, event: Happening) -> None:
        turn = agent.turn
        self._telling.tell(
            "gate return",
            span_of(agent.id, "gate", event.seq),
            turn.span if turn else agent.span,
            turn.last if turn else event.at,
            event.at,
            attributes.gate(event),
        )

    def _ask(self, agent: Agent, event: Happening) -> None:
        agent.asked[str(event.data.get("approval"))] = event

    def _decide(self, agent: Agent, event: Happening) -> None:
        approval = str(event.data.get("approval"))
        asked = agent.asked.pop(approval, event)
        self._tell_approval(agent, approval, asked, event.at, event.data)

    def _tell_approval(
        self, agent: Agent, approval: str, asked: Happening, at: datetime, decided: Mapping[str, Any]
    ) -> None:
        told = attributes.approval(asked.data, decided, content=self._content)
        name = f"approval {asked.data.get('name')}"
        self._telling.tell(name, span_of(UUID(approval)), agent.span, min(asked.at, at), at, told)

    # Spans

    def _note(self, moments: list[Moment], event: Happening) -> None:
        if len(moments) < MOST_MOMENTS:
            moments.append(attributes.moment(event, content=self._content))


def _call(call: str, event: Happening, agent: Agent) -> Call:
    kind = event.kind.partition(".")[0]
    return Call(id=call, kind=kind, start=event.at, data=event.data, parent=agent.working_span)
