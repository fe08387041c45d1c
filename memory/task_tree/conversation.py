"""A tree that is talked to: utterances become changes of it, and what is said back is read off it.

For trees whose nodes hold what a user said: a trip, a cart, a form. One model call an utterance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never

from pydantic import JsonValue

from core.errors import ModelOutputInvalid
from memory.task_tree import reading, rendering
from memory.task_tree.digest import Shown, digest
from memory.task_tree.errors import HeadMoved, OperationRefused
from memory.task_tree.model import Diff
from memory.task_tree.operations import Create, Link, Operation, Retire, Rollback, SetValue, Substitute
from memory.task_tree.reading import (
    Added,
    Linked,
    Queried,
    Reading,
    Replaced,
    RolledBack,
    Valued,
    Wanted,
)
from memory.task_tree.tree import Tree

SHOWN_TOKENS = 2_000
"""What a prompt has of the tree."""


class Store(Protocol):
    """One task's tree, as it is kept."""

    async def load(self) -> Tree:
        """With its log."""
        ...

    async def apply(self, operations: Sequence[Operation], *, change_id: str, expected_head: int) -> Diff:
        """All or none, once for each change id.

        Raises:
            HeadMoved: the tree is past `expected_head`.
            OperationRefused: an operation does not fit the tree.
        """
        ...


class Interpreter(Protocol):
    """Asks a model what an utterance comes to; its reply fits the schema. Raises `ModelError`."""

    async def __call__(self, utterance: str, shown: Shown, schema: dict[str, JsonValue]) -> JsonValue: ...


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of an utterance, and what to say back.

    Attributes:
        status: `changed` also where a question was answered beside; `unclear` and `refused` changed nothing.
        diff: what was committed.
    """

    status: Literal["changed", "answered", "unclear", "refused"]
    text: str
    diff: Diff | None = None


class Conversation:
    def __init__(self, store: Store, interpret: Interpreter, count_tokens: Callable[[str], int]) -> None:
        self._store = store
        self._interpret = interpret
        self._count_tokens = count_tokens

    async def say(self, utterance: str, *, change_id: str) -> Said:
        """Do as the utterance says. Where another change came between, it is understood anew, once.

        Raises:
            HeadMoved: another change came between again.
            ModelError: the model cannot be asked; where its reply cannot be used, that is said instead.
        """
        try:
            return await self._attempt(utterance, change_id)
        except HeadMoved:
            return await self._attempt(utterance, change_id)

    async def _attempt(self, utterance: str, change_id: str) -> Said:
        tree = await self._store.load()
        shown = digest(tree, utterance, budget=SHOWN_TOKENS, count_tokens=self._count_tokens)
        schema = reading.schema(shown.keys, shown.gone_keys, holds="value")
        try:
            reply = await self._interpret(utterance, shown, schema)
            read = reading.read(reply, shown.keys, shown.gone_keys)
        except ModelOutputInvalid as error:
            return Said(status="refused", text=error.message)
        if read.needs_clarification:
            return Said(status="unclear", text=rendering.which(tree, read.candidates))
        try:
            return await self._done(tree, read, change_id)
        except OperationRefused as error:
            return Said(status="refused", text=f"Nothing was changed: {error.message}.")

    async def _done(self, tree: Tree, read: Reading, change_id: str) -> Said:
        diff: Diff | None = None
        parts: list[str] = []
        if read.changes:
            wanted = operations(read, tree)
            diff = await self._store.apply(wanted, change_id=change_id, expected_head=tree.head)
            parts.append(rendering.rendered(diff))
            tree = tree.advanced(diff)
        parts += [rendering.described(tree, query.nodes) for query in read.queries]
        return Said(status="answered" if diff is None else "changed", text="\n".join(parts), diff=diff)


def operations(read: Reading, tree: Tree) -> list[Operation]:
    """The operations of a reading on a tree whose nodes hold values."""
    keys = {node.key: node.key for node in tree.nodes}
    for each in read.operations:
        if isinstance(each, Added):
            keys[each.id] = new_key(each.title, {*keys.values()})
    return [operation for each in read.operations for operation in _operations(each, keys, tree)]


def new_key(title: str, taken: Collection[str]) -> str:
    """A short key that says what the node is called."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "node"
    number = 1
    while (key := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return key


def _operations(wanted: Wanted, keys: dict[str, str], tree: Tree) -> list[Operation]:
    match wanted:
        case Added():
            rests_on = tuple(dict.fromkeys(keys[key] for key in wanted.depends_on))
            return [Create(key=keys[wanted.id], title=wanted.title, value=wanted.value, depends_on=rests_on)]
        case Valued():
            return [SetValue(node=wanted.node, value=wanted.value)]
        case Replaced():
            return [Substitute(node=wanted.node, title=wanted.title, value=wanted.value)]
        case RolledBack():
            if tree.find(wanted.node) is None:
                return brought_back(tree, wanted.node)
            return [Rollback(node=wanted.node, to=wanted.to)]
        case reading.Retired():
            return [Retire(node=wanted.node)]
        case Linked():
            return [Link(node=keys[wanted.node], depends_on=keys[wanted.depends_on])]
        case Queried():
            return []
        case _:
            assert_never(wanted)


def brought_back(tree: Tree, key: str) -> list[Operation]:
    """A node that was taken out, made anew with the links it had, as far as both their ends stand."""
    retired = next(each for each in reversed(tree.revisions) if each.op == "retire" and each.after.key == key)
    node = retired.after
    parent = None if node.parent is None else tree.by_id.get(node.parent)
    below = tuple(tree.by_id[other].key for other in node.depends_on if other in tree.by_id)
    above = [
        each.after.key
        for each in tree.revisions
        if each.op == "unlink"
        and each.change_id == retired.change_id
        and each.before is not None
        and node.id in each.before.depends_on
        and each.after.id in tree.by_id
    ]
    back = Create(key=key, title=node.title, value=node.value, parent=parent and parent.key, depends_on=below)
    return [back, *(Link(node=dependent, depends_on=key) for dependent in dict.fromkeys(above))]
