"""Plans: asked for as structure, written into the task tree, and turned into children."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agents import findings, prompt, survey
from agents.brief import Brief, ChildSpec, InputFile
from agents.ports import AgentFacts, Turn
from core.errors import BudgetExhausted, ModelOutputInvalid
from core.grant import UNITS, Budget
from core.ids import NodeId
from core.text import clipped, printable
from inference.estimate import text_tokens
from inference.model import Message, ModelReply, ModelRequest
from memory.task_tree import (
    Create,
    Operation,
    PathEntry,
    Prune,
    Tree,
    synthesise,
)

KEPT_FOR_ANSWER = 0.25
"""Share of what is left of the grant that a lead keeps back from a wave of children, for its own calls."""

CHILD_TOKENS = 6_000
"""What a child needs for its calls: a plan has no more steps than the grant gives so much each, and one."""

LONGEST_KEY = 48
"""Characters of a lead's own key that go into those of its steps."""

QUESTION_CHARACTERS = 4000

PATH_TOKENS = 600
"""What a child's path through the task tree may take of its prompt."""

_REPAIR = (
    'That PLAN cannot be carried out: {fault}. In "after" put only numbers of earlier subtasks, or []. '
    "Give the corrected PLAN."
)


class Subtask(BaseModel):
    """One step of a plan. `after` holds the numbers, from 1, of the steps that must be done first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    question: str = Field(min_length=1, max_length=QUESTION_CHARACTERS)
    inputs: tuple[str, ...] = ()
    split: bool = False
    after: tuple[int, ...] = ()


class _Plan(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    subtasks: tuple[Subtask, ...] = Field(min_length=1)


def most_children(agent: AgentFacts) -> int:
    return max(0, agent.grant.budget.fanout - agent.spawned)


def most_subtasks(agent: AgentFacts) -> int:
    """The children its grant can feed, too: few that can work are worth more than many that cannot.

    Counted from the grant and not from what is left of it, for a repeated turn must ask the same.
    """
    most, granted = most_children(agent), agent.grant.budget.tokens
    if granted is None or most < 1:
        return most
    return min(most, max(1, _shared(granted) // CHILD_TOKENS))


def may_split(agent: AgentFacts) -> bool:
    """Whether a child may be a lead with children of its own, which the grant must feed as well."""
    if agent.grant.budget.depth < 2:
        return False
    granted = agent.grant.budget.tokens
    return granted is None or _shared(granted) // max(1, most_subtasks(agent)) >= 2 * CHILD_TOKENS


def notes(agent: AgentFacts) -> list[str]:
    """What the user should know of the plan's size."""
    most = most_subtasks(agent)
    if most >= most_children(agent):
        return []
    workers = "one worker" if most == 1 else f"{most} workers"
    return [f"the token budget fed {workers} at most; with more of it, more can look at the files"]


def instruction(turn: Turn) -> str:
    split = "may" if may_split(turn.agent) else "may not"
    return f"Give the PLAN now, as JSON: at most {most_subtasks(turn.agent)} subtasks. You {split} use split."


def schema(agent: AgentFacts, inputs: Sequence[InputFile]) -> dict[str, JsonValue]:
    """The plan's schema for this agent: its own limits and the refs it may name are in it."""
    refs: dict[str, Any] = {"enum": [file.ref for file in inputs]} if inputs else {"type": "string"}
    most = most_subtasks(agent)
    subtask: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["title", "question", "inputs", "split", "after"],
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 200},
            "question": {"type": "string", "minLength": 1, "maxLength": QUESTION_CHARACTERS},
            "inputs": {"type": "array", "items": refs, "maxItems": len(inputs)},
            "split": {"type": "boolean"} if may_split(agent) else {"const": False},
            "after": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": most},
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["subtasks"],
        "properties": {"subtasks": {"type": "array", "minItems": 1, "maxItems": most, "items": subtask}},
    }


async def ask(
    turn: Turn, messages: Sequence[Message], inputs: Sequence[InputFile]
) -> tuple[list[Subtask], list[Message]]:
    """The plan, and what was said after `messages` until it could be carried out: once repaired at most.

    Raises:
        ModelOutputInvalid: it cannot be carried out.
        BudgetExhausted: at a limit of the grant.
    """
    if turn.agent.grant.budget.depth < 1:
        raise BudgetExhausted("depth")
    if most_children(turn.agent) < 1:
        raise BudgetExhausted("fanout")
    said: list[Message] = []
    fault: str | None = None
    for _ in range(2):
        reply = await turn.model(_request(turn, [*messages, *said], inputs))
        said.append(Message(role="assistant", content=reply.content))
        subtasks = _read(reply)
        fault = _fault(subtasks)
        if fault is None:
            return subtasks, said
        said.append(Message(role="user", content=_REPAIR.format(fault=fault)))
    raise ModelOutputInvalid(f"the plan cannot be carried out, also after one repair: {fault}")


def _request(turn: Turn, messages: Sequence[Message], inputs: Sequence[InputFile]) -> ModelRequest:
    return ModelRequest(
        kind="plan",
        messages=tuple(messages),
        output_schema=schema(turn.agent, inputs),
        output_name="plan",
        max_tokens=2048,
        metadata=prompt.stamp("lead"),
    )


def _read(reply: ModelReply) -> list[Subtask]:
    try:
        return list(_Plan.model_validate(reply.output).subtasks)
    except ValidationError as error:
        raise ModelOutputInvalid(f"the plan does not fit: {error.error_count()} faults") from error


def _fault(plan: Sequence[Subtask]) -> str | None:
    """What no schema can say: that a step waits only for steps before it."""
    for number, subtask in enumerate(plan, 1):
        if any(earlier >= number for earlier in subtask.after):
            return f"subtask {number} waits for itself or for a later one"
    return None


def key(agent: AgentFacts, number: int) -> str:
    """A step's key in the task tree: its place in the plan, the same in every run; short at any depth."""
    if agent.is_root:
        return f"s{number}"
    above = agent.key
    if len(above) > LONGEST_KEY:
        above = hashlib.sha256(above.encode()).hexdigest()[:LONGEST_KEY]
    return f"{above}-{number}"


def keys(agent: AgentFacts, plan: Sequence[Subtask]) -> frozenset[str]:
    return frozenset(key(agent, number) for number in range(1, len(plan) + 1))


def titles(agent: AgentFacts, plan: Sequence[Subtask]) -> dict[str, str]:
    """What each step is called, by its key."""
    return {key(agent, number): clipped(printable(step.title), 200) for number, step in enumerate(plan, 1)}


def operations(agent: AgentFacts, plan: Sequence[Subtask], parent: str | None) -> list[Operation]:
    return [
        Create(
            key=key(agent, number),
            title=subtask.title,
            parent=parent,
            depends_on=tuple(key(agent, earlier) for earlier in subtask.after),
        )
        for number, subtask in enumerate(plan, 1)
    ]


def ready(agent: AgentFacts, tree: Tree, plan: Sequence[Subtask]) -> list[int]:
    """The numbers of this plan's steps that can run now."""
    keys = {node.key for node in tree.ready()}
    return [number for number in range(1, len(plan) + 1) if key(agent, number) in keys]


def running(agent: AgentFacts, tree: Tree, plan: Sequence[Subtask]) -> bool:
    mine = keys(agent, plan)
    return any(node.key in mine and node.status == "running" for node in tree.nodes)


def leftovers(agent: AgentFacts, tree: Tree, plan: Sequence[Subtask]) -> list[Operation]:
    """Of steps that run again: what an earlier run planned below them, which this tree may not show yet."""
    nodes = [tree.find(key(agent, number)) for number in ready(agent, tree, plan)]
    return [Prune(node=node.key) for node in nodes if node is not None and node.agent is not None]


def children(
    turn: Turn,
    tree: Tree,
    plan: Sequence[Subtask],
    inputs: Sequence[InputFile],
    said: Mapping[str, Sequence[str]],
    groups: Sequence[Sequence[int]],
) -> list[ChildSpec]:
    """Orders for steps that can run now, each with its share of what is left of the grant.

    Args:
        turn: whose grant it is.
        tree: as it stands.
        plan: the steps.
        inputs: the files they may read.
        said: what the user said of them.
        groups: numbers of steps; those of one group are the same work, and get one child.
    """
    agent = turn.agent
    by_ref: Mapping[str, InputFile] = {file.ref: file for file in inputs}
    budget = _share(turn, max(1, len(groups)))
    specs: list[ChildSpec] = []
    for number, *alike in groups:
        subtask = plan[number - 1]
        node = tree.find(key(agent, number))
        files = tuple(by_ref[ref] for ref in dict.fromkeys(subtask.inputs) if ref in by_ref)
        spec = _child(agent, subtask, key(agent, number), files, budget, tree, node and node.id)
        brief = spec.brief.model_copy(update={"said": tuple(said.get(spec.key, ()))})
        sharing = tuple(key(agent, other) for other in alike)
        specs.append(spec.model_copy(update={"brief": brief, "shared_by": sharing}))
    return specs


def _child(
    agent: AgentFacts,
    subtask: Subtask,
    child_key: str,
    files: tuple[InputFile, ...],
    budget: Budget,
    tree: Tree,
    node: NodeId | None,
) -> ChildSpec:
    paths = frozenset(file.path for file in files)
    role = "lead" if subtask.split and budget.depth >= 1 else "worker"
    return ChildSpec(
        key=child_key,
        role=role,
        title=clipped(printable(subtask.title), 200),
        brief=Brief(
            task_goal=agent.brief.task_goal,
            question=subtask.question,
            inputs=tuple(file.model_copy(update={"pages": ()}) for file in files),
            path=() if node is None else _path(tree, node),
        ),
        capabilities=agent.grant.capabilities.model_copy(
            update={"paths": paths, "tools": agent.grant.capabilities.tools - {survey.TOOL}}
        ),
        budget=budget,
        return_schema=findings.schema([file.path for file in files], of_lead=role == "lead"),
        node=node,
        provenance=agent.provenance,
    )


def _path(tree: Tree, node: NodeId) -> tuple[PathEntry, ...]:
    return synthesise(tree, node, budget=PATH_TOKENS, count_tokens=text_tokens, declared=findings.STATUSES)


def share(left: int, count: int) -> int:
    """What each of `count` children gets of what is left of a grant."""
    return _shared(left) // count


def _shared(left: int) -> int:
    return int(left * (1 - KEPT_FOR_ANSWER))


def _share(turn: Turn, count: int) -> Budget:
    """An equal part for each of `count` children; a unit without a limit stays without one."""
    left = turn.remaining()
    amounts: dict[str, int | None] = {}
    for unit in UNITS:
        rest = left.get(unit)
        amounts[unit] = None if rest is None else share(rest, count)
    mine = turn.agent.grant.budget
    return mine.model_copy(update=cast(dict[str, Any], {**amounts, "depth": mine.depth - 1}))
