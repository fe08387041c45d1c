"""What a person says in free text: one model call makes typed changes of it, and code says what came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from pydantic import JsonValue

from agents import planning, prompt, steering
from agents.planning import Subtask
from agents.ports import AgentFacts, Refusal, Told
from agents.steering import Change, Earlier, Steps
from core.blocks import block
from core.ids import NodeId
from core.provenance import Trust
from core.text import clipped
from inference.model import Message, ModelReply, ModelRequest
from memory.task_tree import (
    Added,
    Create,
    Diff,
    Line,
    Link,
    Linked,
    Node,
    Operation,
    Reading,
    Replaced,
    Retired,
    Rollback,
    RolledBack,
    SetStatus,
    Shown,
    Tree,
    Wanted,
    described,
    reading_schema,
    rendered,
    which,
)

CHANGES_TOKENS = 1024
TEXT_CHARACTERS = 300
"""Of a step's question, in what the model is shown of the plan."""

_NEVER_ELSE = "the step was never asked anything else, so there is nothing to go back to"


def request(
    messages: Sequence[Message],
    said: str,
    shown: Shown,
    schema: dict[str, JsonValue],
    *,
    trust: Trust,
    about: str = "",
) -> ModelRequest:
    """The one call.

    Args:
        messages: what comes before it.
        said: the user's words.
        shown: the nodes as they are.
        schema: of the reply.
        trust: that of the nodes' titles and values.
        about: the node that the user named beside the words.
    """
    content = "\n\n".join(
        [
            block("nodes", [line.model_dump(mode="json") for line in shown.nodes], trust),
            block("gone", [line.model_dump(mode="json") for line in shown.gone], trust),
            *([block("about", about, Trust.USER)] if about else []),
            block("said", said, Trust.USER),
            prompt.load("changes").text,
        ]
    )
    return ModelRequest(
        kind="changes",
        messages=(*messages, Message(role="user", content=content)),
        output_schema=schema,
        output_name="changes",
        max_tokens=CHANGES_TOKENS,
        metadata=prompt.stamp("changes"),
    )


class AskedInterpreter:
    """Understands utterances for a `memory.task_tree.Conversation` by asking a model."""

    def __init__(self, ask: Callable[[ModelRequest], Awaitable[ModelReply]]) -> None:
        self._ask = ask

    async def __call__(self, utterance: str, shown: Shown, schema: dict[str, JsonValue]) -> JsonValue:
        asked = request([prompt.system("keeper")], utterance, shown, schema, trust=Trust.UNTRUSTED)
        return (await self._ask(asked)).output


def plan_request(
    messages: Sequence[Message], agent: AgentFacts, tree: Tree, steps: Steps, told: Told
) -> tuple[ModelRequest, Shown]:
    """The call for a lead's plan, and what it shows of it: nothing that differs between runs of a task."""
    shown = _shown(agent, tree, steps)
    schema = reading_schema(shown.keys, shown.gone_keys, holds="text")
    about = "" if told.node is None else _own_step(tree, told.node, shown.keys)
    return request(messages, told.text, shown, schema, trust=Trust.UNTRUSTED, about=about), shown


def change(agent: AgentFacts, tree: Tree, steps: Steps, told: Told, read: Reading) -> Change | Refusal:
    """What a message's reading comes to: all of it, as one change."""
    made = _Made(agent, tree, steps, told)
    for wanted in read.changes:
        if (refusal := made.apply(wanted)) is not None:
            return refusal
    return made.whole()


def answer(tree: Tree, read: Reading, shown: Shown, diff: Diff | None = None) -> str:
    """What is said back: what was committed, what the plan says to what was asked, or which step is meant."""
    if read.needs_clarification:
        return which(tree, read.candidates or shown.keys)
    after = tree if diff is None else tree.advanced(diff)
    parts = [] if diff is None else [rendered(diff)]
    return "\n".join([*parts, *(described(after, query.nodes or shown.keys) for query in read.queries)])


class _Made:
    """The operations of one message, put together in order."""

    def __init__(self, agent: AgentFacts, tree: Tree, steps: Steps, told: Told) -> None:
        self._agent = agent
        self._tree = tree
        self._steps = steps
        self._told = told
        self._keys = {node.key: node.key for node in tree.nodes}
        self._parts: list[Change] = []

    def apply(self, wanted: Wanted) -> Refusal | None:
        match wanted:
            case Added():
                part = self._added(wanted)
            case Linked():
                part = self._linked(wanted)
            case RolledBack() if self._tree.find(wanted.node) is None:
                part = self._brought_back(wanted.node)
            case RolledBack():
                part = self._rolled_back(self._node(wanted.node), wanted)
            case Replaced():
                part = self._replaced(self._node(wanted.node), wanted)
            case Retired():
                part = steering.retracted(self._agent, self._tree, self._steps, self._node(wanted.node))
            case _:
                return Refusal(code="not_for_steps", message="steps have no values of their own to set")
        if isinstance(part, Refusal):
            return part
        self._steps = part.steps
        self._parts.append(part)
        return None

    def whole(self) -> Change:
        retired = {part.key for part in self._parts if part.out}
        return Change(
            key=self._parts[0].key,
            operations=tuple(operation for part in self._parts for operation in part.operations),
            steps=self._steps,
            again=frozenset(key for part in self._parts for key in part.again) - retired,
            stops=tuple(dict.fromkeys(child for part in self._parts for child in part.stops)),
            note={"kind": "say", "step": ", ".join(self._touched()), "text": self._told.text},
        )

    def _touched(self) -> list[str]:
        return list(dict.fromkeys(part.key for part in self._parts))

    def _node(self, key: str) -> Node:
        node = self._tree.find(key)
        assert node is not None, "a reading names only nodes it was shown"
        return node

    def _added(self, wanted: Added) -> Change:
        plan = self._steps.plan
        after = tuple(self._number(self._keys[key]) for key in wanted.depends_on)
        step = Subtask(
            title=steering.title(wanted.title),
            question=wanted.text,
            inputs=tuple(file.ref for file in self._steps.inputs),
            after=after,
        )
        key = planning.key(self._agent, len(plan) + 1)
        self._keys[wanted.id] = key
        parent = self._tree.get(self._agent.node).key if self._agent.node else None
        rests_on = tuple(self._keys[each] for each in wanted.depends_on)
        return Change(
            key=key,
            operations=(Create(key=key, title=step.title, parent=parent, depends_on=rests_on),),
            steps=replace(
                self._steps,
                plan=[*plan, step],
                said={**self._steps.said, key: [self._own_words(wanted.text)]},
            ),
            again=steering.waiting(self._agent, self._tree, self._steps) | {key},
        )

    def _replaced(self, node: Node, wanted: Replaced) -> Change:
        subtask = self._steps.plan[self._number(node.key) - 1]
        asked = subtask.model_copy(update={"title": steering.title(wanted.title), "question": wanted.text})
        words = self._own_words(wanted.text)
        return steering.anew(self._agent, self._tree, self._steps, node, words, asked)

    def _rolled_back(self, node: Node, wanted: RolledBack) -> Change | Refusal:
        forms = list(self._steps.earlier.get(node.key, ()))
        if not forms:
            return Refusal(code="no_such_revision", message=_NEVER_ELSE)
        kept = forms[:-1] if wanted.to == "previous" else []
        form = forms[len(kept)]
        anew = steering.anew(self._agent, self._tree, self._steps, node, "", form["step"])
        again = anew.again - {node.key} if form["done"] else anew.again
        back: list[Operation] = [Rollback(node=node.key, to=form["until"])]
        if node.status == "running":
            back.insert(0, SetStatus(node=node.key, status="pending"))
        earlier: dict[str, Sequence[Earlier]] = {**self._steps.earlier, node.key: kept}
        steps = replace(anew.steps, earlier=earlier, said={**self._steps.said, node.key: form["said"]})
        return replace(anew, operations=tuple(back), steps=steps, again=again)

    def _brought_back(self, key: str) -> Change:
        """The step stands again, with the links it had, and runs again."""
        number = self._number(key)
        subtask = self._steps.plan[number - 1]
        parent = self._tree.get(self._agent.node).key if self._agent.node else None
        below = [planning.key(self._agent, each) for each in subtask.after]
        above = [
            node
            for later, step in enumerate(self._steps.plan, 1)
            if number in step.after and (node := self._tree.find(planning.key(self._agent, later)))
        ]
        self._keys[key] = key
        created = Create(
            key=key,
            title=subtask.title,
            parent=parent,
            depends_on=tuple(each for each in below if self._tree.find(each)),
        )
        links = [Link(node=node.key, depends_on=key) for node in above]
        return self._with_void(key, (created, *links), above, self._steps)

    def _linked(self, wanted: Linked) -> Change:
        key, other = self._keys[wanted.node], self._keys[wanted.depends_on]
        number = self._number(key)
        subtask = self._steps.plan[number - 1]
        after = tuple(dict.fromkeys([*subtask.after, self._number(other)]))
        plan = [*self._steps.plan]
        plan[number - 1] = subtask.model_copy(update={"after": after})
        node = self._tree.find(key)
        nodes = [] if node is None else [node]
        return self._with_void(
            key, (Link(node=key, depends_on=other),), nodes, replace(self._steps, plan=plan)
        )

    def _with_void(
        self, key: str, operations: tuple[Operation, ...], changed: Sequence[Node], steps: Steps
    ) -> Change:
        """A change of links: the steps they are of run again where they did, and what rests on these."""
        void = [each for node in changed for each in (node, *self._tree.dependents(node.id))]
        void = [node for node in void if node.status in {"done", "running"}]
        again = steering.waiting(self._agent, self._tree, steps) | {node.key for node in void}
        return Change(
            key=key,
            operations=operations,
            steps=steps,
            again=again | {key} if self._tree.find(key) is None else again,
            stops=steering.running(void),
        )

    def _number(self, key: str) -> int:
        return next(n for n in range(1, len(self._steps.plan) + 1) if planning.key(self._agent, n) == key)

    def _own_words(self, text: str) -> str:
        """The part of what the user said that a step is for, or else all of it: never a model's words."""
        return text if steering.is_said(text, self._told.text) else self._told.text


def _shown(agent: AgentFacts, tree: Tree, steps: Steps) -> Shown:
    standing: list[Line] = []
    gone: list[Line] = []
    for number, step in enumerate(steps.plan, 1):
        key = planning.key(agent, number)
        node = tree.find(key)
        line = Line(
            id=key,
            title=step.title if node is None else node.title,
            value=_text(step),
            was=tuple(clipped(form["step"].question, TEXT_CHARACTERS) for form in steps.earlier.get(key, ()))[
                ::-1
            ],
            status="retired" if node is None else node.status,
            depends_on=tuple(
                planning.key(agent, other)
                for other in step.after
                if tree.find(planning.key(agent, other)) is not None
            ),
            changed=_last_said(key, steps),
        )
        (gone if node is None else standing).append(line)
    return Shown(nodes=tuple(standing), gone=tuple(gone))


def _own_step(tree: Tree, node: NodeId, own: Sequence[str]) -> str:
    """The lead's own step that a node is, or is below; none where it is gone."""
    if node not in tree.by_id:
        return ""
    return next((each.key for each in reversed(tree.path(node)) if each.key in own), "")


def _text(step: Subtask) -> str:
    return clipped(step.question, TEXT_CHARACTERS)


def _last_said(key: str, steps: Steps) -> int:
    """The last thing said that changed a step, by number."""
    return max(
        (number for number, note in enumerate(steps.notes, 1) if key in str(note["step"]).split(", ")),
        default=0,
    )
