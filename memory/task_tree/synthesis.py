"""What a prompt may say of the tree: the active path and what it rests on, nearest first, within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

from core.ids import NodeId
from memory.task_tree.model import Node, NodeStatus
from memory.task_tree.tree import Tree

Withheld = Literal["tainted_text", "budget"]

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


class PathEntry(BaseModel):
    """One node for the prompt; plain data, which the prompt layer renders.

    `depth` counts the steps away from the node asked about. `withheld` says why a value the node
    has is missing here, wholly or in part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    status: NodeStatus
    value: JsonValue = None
    depth: int
    withheld: Withheld | None = None


def synthesise(
    tree: Tree,
    node_id: NodeId,
    *,
    budget: int,
    count_tokens: Callable[[str], int],
    declared: Set[str] = frozenset(),
) -> tuple[PathEntry, ...]:
    """The node, its ancestors and the closure of their dependencies, nearest first.

    Args:
        tree: the tree.
        node_id: an active node of it.
        budget: tokens the entries may take together; entries are cut from the far end.
        count_tokens: how many tokens a text takes in the prompt's model.
        declared: words a schema allows as enum members; as typed as a number.

    Raises:
        NotFound: the node is not active.
    """
    chosen: list[PathEntry] = []
    left = budget
    for node, depth in nearest_first(tree, [tree.get(node_id)]):
        for entry in _forms(node, depth, declared):
            cost = count_tokens(_measure(entry))
            if cost <= left:
                chosen.append(entry)
                left -= cost
                break
        else:
            break
    return tuple(chosen)


def typed_part(value: JsonValue, declared: Set[str] = frozenset()) -> JsonValue:
    """The value without its free text: numbers, booleans, dates and declared words stay, other text is null.

    Field names that are not plain identifiers go with their values.
    """
    match value:
        case str():
            return value if value in declared or _DATE.fullmatch(value) else None
        case list():
            return [typed_part(item, declared) for item in value]
        case dict():
            return {
                name: typed_part(item, declared) for name, item in value.items() if _FIELD.fullmatch(name)
            }
        case _:
            return value


def nearest_first(tree: Tree, starts: Sequence[Node]) -> Iterator[tuple[Node, int]]:
    """These nodes, then their ancestors and what they rest on, each once, with the steps it is away."""
    seen = {node.id for node in starts}
    layer, depth = [*starts], 0
    while layer:
        following: list[Node] = []
        for node in layer:
            yield node, depth
            for other in (*node.depends_on, *(() if node.parent is None else (node.parent,))):
                if other not in seen and other in tree.by_id:
                    seen.add(other)
                    following.append(tree.by_id[other])
        layer, depth = following, depth + 1


def _forms(node: Node, depth: int, declared: Set[str]) -> Iterator[PathEntry]:
    """The entry in full, then without its value."""
    value = typed_part(node.value, declared) if node.tainted else node.value
    full = PathEntry(
        key=node.key,
        title=node.title,
        status=node.status,
        value=value,
        depth=depth,
        withheld=None if value == node.value else "tainted_text",
    )
    yield full
    if value is not None:
        yield full.model_copy(update={"value": None, "withheld": "budget"})


def _measure(entry: PathEntry) -> str:
    value = "" if entry.value is None else orjson.dumps(entry.value).decode()
    return f"{entry.key} {entry.title} {entry.status} {value}"
