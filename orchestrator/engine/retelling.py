"""A finished task retold for memory: who said what because of what, what was done, and how well it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from core.database import Row, UnitOfWork, queries
from core.ids import AgentId, RecordId, TaskId
from core.provenance import Provenance
from core.text import clipped, printable
from memory import Action, FinishedTask, Step, Utterance
from memory.insight_graph.citing import follows, words_of
from memory.insight_graph.model import MAX_ACTIONS, MAX_UTTERANCES, Outcome
from memory.insight_graph.procedure import procedure_of
from memory.insight_graph.reward import Signals, rewarded
from memory.task_tree import TaskTree

SQL = queries.load(__file__, "retelling.sql")

MAX_AGENTS = 60
_CONTENT = 4_000
"""Read of each utterance; memory keeps less."""

_TARGETS = ("path", "url", "paths", "name")


class Retelling:
    def __init__(self, task_tree: TaskTree) -> None:
        self._task_tree = task_tree

    async def finished(self, work: UnitOfWork, task: TaskId, row: Row) -> FinishedTask:
        """What memory is told of a task; `row` is the task's."""
        calls = await work.fetch_all(SQL.calls, {"task": task, "most": MAX_ACTIONS})
        agents = await work.fetch_all(SQL.agents, {"task": task, "most": MAX_AGENTS})
        tree = await self._task_tree.load(work, task, log=False)
        provenance = Provenance.model_validate(row["provenance"])
        said = told(row["goal"], agents, calls, row["answer"])
        actions = [_action(call) for call in calls]
        return FinishedTask(
            tenant=work.tenant,
            task=task,
            goal=row["goal"],
            outcome=row["status"],
            origin=_origin(provenance),
            scope=row["scope"],
            steps=tuple(Step(title=node.title, status=node.status) for node in tree.nodes),
            actions=tuple(actions),
            conclusion=clipped(row["answer"]["text"], 2000) if row["answer"] else None,
            utterances=tuple(said),
            cited=await _cited(work, task, said, actions),
            reward=await _reward(work, task, row),
            provenance=provenance,
        )


def told(
    goal: str, agents: Sequence[Row], calls: Sequence[Row], answer: Mapping[str, Any] | None
) -> list[Utterance]:
    """Utterances with their causes: goal → plan → briefs → calls → returns → what was absorbed from them.

    Args:
        goal: the user's.
        agents: parents before their children.
        calls: tool calls, those of one agent in their order.
        answer: the root's.
    """
    telling = _Telling(goal)
    for agent in agents:
        telling.begin(agent, [one for one in agents if one["parent"] == agent["id"]])
    for call in calls[: max(0, MAX_UTTERANCES - len(telling.said) - len(agents))]:
        telling.call(call)
    for agent in reversed(agents):
        telling.end(agent, [one["id"] for one in agents if one["parent"] == agent["id"]], answer)
    return telling.said


class _Telling:
    def __init__(self, goal: str) -> None:
        self.said: list[Utterance] = []
        self._last: dict[UUID | None, int] = {}
        self._roles: dict[UUID, str] = {}
        self._say(None, "user", "goal", goal, ())

    def begin(self, agent: Row, children: Sequence[Row]) -> None:
        """An agent's brief, which its parent's plan gave rise to, and its own plan if it made one."""
        parent: UUID | None = agent["parent"]
        self._roles[agent["id"]] = agent["role"]
        if parent is not None:
            brief = f"{agent['title']}: {agent['question']}"
            self._say(agent["id"], agent["role"], "brief", brief, self._after(parent))
        else:
            self._last[agent["id"]] = 0
        if children:
            titles = "\n".join(f"{number}. {child['title']}" for number, child in enumerate(children, 1))
            self._say(agent["id"], agent["role"], "plan", titles, self._after(agent["id"]))

    def call(self, call: Row) -> None:
        agent: UUID = call["agent"]
        if agent in self._last:
            content = f"{call['name']} {_target(call['arguments'])}".strip()
            self._say(agent, self._roles[agent], "call", content, self._after(agent))

    def end(self, agent: Row, children: Sequence[UUID], answer: Mapping[str, Any] | None) -> None:
        """What an agent gave, of its own last word and of what its children gave it."""
        if agent["id"] not in self._last:
            return
        causes = {self._last[one] for one in (agent["id"], *children) if one in self._last}
        if agent["parent"] is None:
            text = str(answer["text"]) if answer else f"no answer: {agent['error'] or agent['state']}"
            self._say(agent["id"], agent["role"], "answer", text, tuple(sorted(causes)))
            return
        returned = agent["returned"]
        text = f"nothing: {agent['error'] or agent['state']}" if returned is None else json.dumps(returned)
        self._say(agent["id"], agent["role"], "return", text, tuple(sorted(causes)))

    def _after(self, agent: UUID) -> tuple[int, ...]:
        return (self._last[agent],)

    def _say(self, agent: UUID | None, role: str, kind: str, content: str, causes: tuple[int, ...]) -> None:
        if len(self.said) >= MAX_UTTERANCES:
            return
        self._last[agent] = len(self.said)
        self.said.append(
            Utterance.model_validate(
                {
                    "agent": None if agent is None else AgentId(agent),
                    "role": role,
                    "kind": kind,
                    "content": clipped(content, _CONTENT),
                    "causes": causes,
                }
            )
        )


async def _cited(
    work: UnitOfWork, task: TaskId, said: Sequence[Utterance], actions: Sequence[Action]
) -> frozenset[RecordId]:
    rows = await work.fetch_all(SQL.shown, {"task": task})
    words = words_of(one.content for one in said if one.kind in {"plan", "brief", "return", "answer"})
    done = procedure_of(actions).tools
    return frozenset(
        RecordId(row["id"])
        for row in rows
        if follows(row["text"], tuple(row["procedure"]), done=done, words=words)
    )


async def _reward(work: UnitOfWork, task: TaskId, row: Row) -> float | None:
    verdicts = await work.fetch_one(SQL.verdicts, {"task": task})
    assert verdicts is not None, "a count is always there"
    outcome: Outcome = row["status"]
    partial = bool(row["answer"] and (row["answer"].get("partial") or row["answer"].get("limit")))
    return rewarded(Signals(outcome=outcome, partial=partial, **verdicts))


def _origin(provenance: Provenance) -> str:
    """Whose word the task is: the principal that submitted it."""
    return next((f"user:{origin.id}" for origin in provenance.origins if origin.kind == "user"), "platform")


def _action(row: Row) -> Action:
    return Action(tool=row["name"], target=_target(row["arguments"]), effect=row["effect"])


def _target(arguments: str) -> str:
    try:
        parsed = json.loads(arguments)
    except ValueError:
        return ""
    if not isinstance(parsed, dict):
        return ""
    given = cast(dict[str, Any], parsed)
    found = next((given[name] for name in _TARGETS if given.get(name)), "")
    return clipped(printable(found if isinstance(found, str) else json.dumps(found)), 300)
