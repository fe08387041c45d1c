"""What a message does to a plan: each kind is one typed change, and no model decides which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

import orjson
from pydantic import JsonValue

from agents import planning, prompt
from agents.answering import gathered_block
from agents.brief import InputFile
from agents.findings import Gathered
from agents.planning import Subtask
from agents.ports import AgentFacts, Refusal, Told, Turn
from core.blocks import block
from core.errors import NotFound
from core.ids import AgentId
from core.provenance import Trust
from core.text import clipped, printable
from inference.model import Message, ModelRequest
from memory.task_tree import Create, Node, Operation, Retire, Substitute, Tree, typed_part

TITLE_CHARACTERS = 80
REPLY_CHARACTERS = 2000
REPLY_TOKENS = 1024

_REPLY = "Give the REPLY now, as JSON."
_GONE = Refusal(code="no_such_step", message="the step is not in the plan any more; look at the plan again")


class Earlier(TypedDict):
    """What a step was before it was asked anew, up to revision `until` of the tree."""

    step: Subtask
    until: int
    done: bool
    said: list[str]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A lead's plan, and what the user said of its steps.

    Attributes:
        plan: the steps, by number from 1; one that was retracted keeps its place.
        said: the user's own words, by the key of the step they are for.
        inputs: the files the lead may give to its children.
        earlier: what steps were before, oldest first, by their keys.
        notes: what took effect so far, as the prompt has it.
    """

    plan: Sequence[Subtask]
    said: Mapping[str, Sequence[str]]
    inputs: Sequence[InputFile] = ()
    earlier: Mapping[str, Sequence[Earlier]] = field(default_factory=dict[str, Sequence[Earlier]])
    notes: Sequence[Mapping[str, JsonValue]] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a message comes to.

    Attributes:
        key: the step it is about.
        steps: the plan after it.
        again: steps that must run, also those that did.
        stops: children whose work is void.
        out: whether the step is taken out.
        note: what the lead's prompt says of it; else what `note` makes of the message.
    """

    key: str
    operations: tuple[Operation, ...]
    steps: Steps
    again: frozenset[str]
    stops: tuple[AgentId, ...] = ()
    out: bool = False
    note: Mapping[str, JsonValue] | None = None


def change(agent: AgentFacts, tree: Tree, steps: Steps, told: Told) -> Change | Refusal:
    """What a message other than a question comes to, for the lead that it is for."""
    if told.node is None:
        return _added(agent, tree, steps, told, files=tuple(file.ref for file in steps.inputs))
    try:
        path = tree.path(told.node)
    except NotFound:
        return _GONE
    numbers = {planning.key(agent, number): number for number in range(1, len(steps.plan) + 1)}
    own = next((node for node in reversed(path) if node.key in numbers), None)
    if own is None:
        return _GONE
    subtask = steps.plan[numbers[own.key] - 1]
    if own.id != told.node:
        return anew(agent, tree, steps, own, told.text, _passed_down(subtask, told, path[-1]))
    match told.kind:
        case "add":
            return _added(agent, tree, steps, told, files=subtask.inputs)
        case "retract":
            return retracted(agent, tree, steps, own)
        case _:
            asked = subtask.model_copy(update={"title": title(told.text), "question": told.text})
            return anew(agent, tree, steps, own, told.text, asked)


def _added(agent: AgentFacts, tree: Tree, steps: Steps, told: Told, *, files: tuple[str, ...]) -> Change:
    """A step more, beside the others; it reads the files of the step it was said of, or all."""
    step = Subtask(title=title(told.text), question=told.text, inputs=files)
    plan = [*steps.plan, step]
    key = planning.key(agent, len(plan))
    parent = tree.get(agent.node).key if agent.node else None
    return Change(
        key=key,
        operations=(Create(key=key, title=step.title, parent=parent),),
        steps=replace(steps, plan=plan, said={**steps.said, key: [told.text]}),
        again=waiting(agent, tree, steps) | {key},
    )


def retracted(agent: AgentFacts, tree: Tree, steps: Steps, node: Node) -> Change:
    """The step is taken out; what rested on it runs again with what is left."""
    void = _void(tree, node)
    return Change(
        key=node.key,
        operations=(Retire(node=node.key),),
        steps=steps,
        again=(waiting(agent, tree, steps) | {other.key for other in void}) - {node.key},
        stops=running([node, *void]),
        out=True,
    )


def anew(agent: AgentFacts, tree: Tree, steps: Steps, node: Node, words: str, subtask: Subtask) -> Change:
    """The step is asked anew; it runs again, and what rests on it after it. `words` are the user's own."""
    void = _void(tree, node)
    number = next(n for n in range(1, len(steps.plan) + 1) if planning.key(agent, n) == node.key)
    plan = [*steps.plan[: number - 1], subtask, *steps.plan[number:]]
    before = list(steps.said.get(node.key, ()))
    said = [*before, words] if words else before
    form = Earlier(step=steps.plan[number - 1], until=tree.head, done=node.status == "done", said=before)
    return Change(
        key=node.key,
        operations=(Substitute(node=node.key, title=subtask.title),),
        steps=replace(
            steps,
            plan=plan,
            said={**steps.said, node.key: said},
            earlier={**steps.earlier, node.key: [*steps.earlier.get(node.key, ()), form]},
        ),
        again=waiting(agent, tree, steps) | {node.key, *(other.key for other in void)},
        stops=running([node, *void]),
    )


def _passed_down(subtask: Subtask, told: Told, meant: Node) -> Subtask:
    """A step below, of a lead that has ended: the step of that lead runs again, and is told."""
    text = told.text
    if told.kind == "retract":
        text = f"Leave this out: {meant.title}. {told.text}".strip()
    kept = clipped(subtask.question, max(0, planning.QUESTION_CHARACTERS - len(text) - 2))
    question = clipped(f"{kept}\n\n{text}", planning.QUESTION_CHARACTERS)
    return subtask.model_copy(update={"question": question})


def no_room(turn: Turn, again: frozenset[str]) -> Refusal | None:
    """Whether the grant can feed the children that a change asks for."""
    budget, spawned = turn.agent.grant.budget, turn.agent.spawned
    if spawned + len(again) > budget.fanout:
        return Refusal(
            code="fanout",
            message=f"{len(again)} steps would have to run, and {spawned} of the {budget.fanout} children "
            "that the grant allows were sent out already; give tasks that you want to steer a larger fan-out",
        )
    left = turn.remaining().get("tokens")
    if again and left is not None and planning.share(left, len(again)) < planning.CHILD_TOKENS:
        return Refusal(
            code="tokens",
            message=f"{len(again)} steps would have to run, and {left:,} tokens are left of the grant; each "
            f"needs {planning.CHILD_TOKENS:,}, and the answer its part; give the task more tokens",
        )
    return None


def is_users_word(told: Told, operations: Sequence[Operation]) -> bool:
    """Whether all that the operations write into the tree was said by the user, word for word."""
    written = [each.title for each in operations if isinstance(each, Create | Substitute)]
    return all(is_said(each, told.text) for each in written)


def note(told: Told, key: str) -> dict[str, JsonValue]:
    """What the lead's prompt says of a message: the user's words, and nothing that a model wrote."""
    return {"kind": told.kind, "step": key, "text": told.text}


def reply_request(
    messages: Sequence[Message], told: Told, tree: Tree, keys: frozenset[str], gathered: Gathered
) -> ModelRequest:
    """A question about the work, to be answered from the tree and the typed values that came back."""
    steps: list[JsonValue] = [
        {
            "key": node.key,
            "title": node.title,
            "status": node.status,
            "value": _canonical(typed_part(node.value)),
            "asked_about": node.id == told.node,
        }
        for node in tree.nodes
        if node.key in keys or node.id == told.node
    ]
    content = "\n\n".join(
        [
            block("plan", steps, Trust.UNTRUSTED),
            gathered_block(gathered),
            block("asked", told.text, Trust.USER),
            _REPLY,
        ]
    )
    return ModelRequest(
        kind="reply",
        messages=(*messages, Message(role="user", content=content)),
        output_schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1, "maxLength": REPLY_CHARACTERS}},
        },
        output_name="reply",
        max_tokens=REPLY_TOKENS,
        metadata=prompt.stamp("lead"),
    )


def waiting(agent: AgentFacts, tree: Tree, steps: Steps) -> frozenset[str]:
    """The plan's steps that are still to be sent out."""
    keys = planning.keys(agent, steps.plan)
    return frozenset(
        node.key for node in tree.nodes if node.key in keys and node.status in {"pending", "stale"}
    )


def _void(tree: Tree, node: Node) -> list[Node]:
    """What rests on a step and has run, or runs."""
    return [other for other in tree.dependents(node.id) if other.status in {"done", "running"}]


def running(nodes: Sequence[Node]) -> tuple[AgentId, ...]:
    """The children at work on steps; one whose work a step shares is another step's."""
    return tuple(
        node.agent
        for node in nodes
        if node.status == "running" and node.agent is not None and node.shares is None
    )


def _canonical(value: JsonValue) -> JsonValue:
    """Storage does not keep the order of keys, and a repeated turn must ask the same."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def title(text: str) -> str:
    return clipped(" ".join(printable(text).split()), TITLE_CHARACTERS)


def is_said(text: str, said: str) -> bool:
    """Whether a text, or its beginning where it was cut, is a part of what was said, word for word."""
    return _plain(text).removesuffix("…") in _plain(said)


def _plain(text: str) -> str:
    return " ".join(printable(text).split()).casefold()
