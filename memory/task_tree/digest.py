"""What a model is shown of a tree to understand an utterance: a line a node, within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

from core.ids import NodeId
from memory.task_tree.model import CONTENT_CHANGES, Node, NodeStatus, Revision
from memory.task_tree.synthesis import nearest_first
from memory.task_tree.tree import Tree

MOST_GONE = 8
EARLIER_VALUES = 2

_WORD = re.compile(r"\w{3,}")


class Line(BaseModel):
    """One node.

    `was` holds its earlier values, the newest first. The greater `changed`, the later it changed; what one
    utterance changed has the same, and a node that got an earlier value back is as old as that value.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    value: JsonValue = None
    was: tuple[JsonValue, ...] = ()
    status: NodeStatus
    depends_on: tuple[str, ...] = ()
    changed: int = 0


class Shown(BaseModel):
    """The nodes that stand, oldest first, and those taken out lately, the last first."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Line, ...]
    gone: tuple[Line, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(line.id for line in self.nodes)

    @property
    def gone_keys(self) -> tuple[str, ...]:
        return tuple(line.id for line in self.gone)


def digest(tree: Tree, utterance: str, *, budget: int, count_tokens: Callable[[str], int]) -> Shown:
    """The tree as it stands, or where that is too much, what the utterance is about and what that rests on.

    Args:
        tree: with its log.
        utterance: its words, and what changed last, say where to begin.
        budget: tokens that all lines may take together.
        count_tokens: how many tokens a text takes in the prompt's model.
    """
    history: dict[NodeId, list[Revision]] = {}
    for revision in tree.revisions:
        if revision.op in CONTENT_CHANGES:
            history.setdefault(revision.after.id, []).append(revision)
    ages = _ages(tree.revisions)
    lines = {node.id: _line(tree, node, history.get(node.id, ()), ages) for node in tree.nodes}
    gone = _gone(tree, history, ages)
    costs = {node: count_tokens(_measure(line)) for node, line in lines.items()}
    left = budget - sum(count_tokens(_measure(line)) for line in gone)
    if sum(costs.values()) > left:
        lines = {node: lines[node] for node in _nearest(tree, lines, costs, utterance, left)}
    return Shown(nodes=tuple(lines[node.id] for node in tree.nodes if node.id in lines), gone=gone)


def _nearest(
    tree: Tree, lines: dict[NodeId, Line], costs: dict[NodeId, int], utterance: str, budget: int
) -> Iterator[NodeId]:
    """The nodes to begin with and the closure of what they rest on, nearest first, while there is room."""
    said = _words(utterance)
    newest = max(lines, key=lambda node: lines[node].changed)
    near = {node: len(said & _words(f"{line.title} {line.value}")) for node, line in lines.items()}
    begin = sorted((node for node in near if near[node]), key=lambda node: -near[node])
    seeds = [tree.get(node) for node in dict.fromkeys([*begin, newest])]
    for node, _ in nearest_first(tree, seeds):
        budget -= costs[node.id]
        if budget < 0:
            return
        yield node.id


def _ages(revisions: Sequence[Revision]) -> dict[int, int]:
    """For each revision, the first one of the change that it stands for."""
    first: dict[str, int] = {}
    ages: dict[int, int] = {}
    for revision in revisions:
        first.setdefault(revision.change_id, revision.rev)
        restored = ages.get(revision.restores or 0)
        ages[revision.rev] = first[revision.change_id] if restored is None else restored
    return ages


def _line(tree: Tree, node: Node, history: Sequence[Revision], ages: Mapping[int, int]) -> Line:
    return Line(
        id=node.key,
        title=node.title,
        value=node.value,
        was=_earlier(node, history),
        status=node.status,
        depends_on=tuple(tree.by_id[other].key for other in node.depends_on),
        changed=ages.get(history[-1].rev if history else node.created_rev, 0),
    )


def _earlier(node: Node, history: Sequence[Revision]) -> tuple[JsonValue, ...]:
    """The last values it had before the present one."""
    found: list[JsonValue] = []
    for revision in reversed(history):
        value = revision.after.value
        if value != node.value and value not in found:
            found.append(value)
    return tuple(found[:EARLIER_VALUES])


def _gone(
    tree: Tree, history: Mapping[NodeId, Sequence[Revision]], ages: Mapping[int, int]
) -> tuple[Line, ...]:
    standing = {node.key for node in tree.nodes}
    found: dict[str, Line] = {}
    for revision in reversed(tree.revisions):
        node = revision.after
        if revision.op != "retire" or node.key in standing or node.key in found:
            continue
        found[node.key] = Line(
            id=node.key,
            title=node.title,
            value=node.value,
            was=_earlier(node, history.get(node.id, ())),
            status="retired",
            changed=ages[revision.rev],
        )
        if len(found) == MOST_GONE:
            break
    return tuple(found.values())


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _measure(line: Line) -> str:
    return orjson.dumps(line.model_dump(mode="json")).decode()
