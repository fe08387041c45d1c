"""Rows of the task tree, read and written inside a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

from core.database import UnitOfWork, queries
from core.errors import NotFound
from core.ids import NodeId, TaskId
from memory.task_tree.model import Diff, Node, Revision

SQL = queries.load(__file__)

_NODES = TypeAdapter(tuple[Node, ...])
_REVISIONS = TypeAdapter(tuple[Revision, ...])

JsonRow = dict[str, Any]


async def lock(work: UnitOfWork, task: TaskId) -> tuple[int, datetime]:
    """Hold the task's tree until the transaction ends; its head, and the transaction's time.

    Raises:
        NotFound: no such task for this tenant.
    """
    found = await work.fetch_one(SQL.lock_tree, {"task": task})
    if found is None:
        await work.execute(SQL.open_tree, {"tenant": work.tenant, "task": task})
        found = await work.fetch_one(SQL.lock_tree, {"task": task})
    if found is None:
        raise NotFound(f"no task {task}")
    return found["head"], found["at"]


async def read_head(work: UnitOfWork, task: TaskId) -> int:
    """The last revision, 0 where the task has no tree yet."""
    found = await work.fetch_one(SQL.read_head, {"task": task})
    return 0 if found is None else found["head"]


async def active_nodes(work: UnitOfWork, task: TaskId) -> tuple[Node, ...]:
    return _NODES.validate_python(await work.fetch_all(SQL.active_nodes, {"task": task}))


async def revisions_between(work: UnitOfWork, task: TaskId, first: int, last: int) -> tuple[Revision, ...]:
    rows = await work.fetch_all(SQL.revisions_between, {"task": task, "first": first, "last": last})
    return _REVISIONS.validate_python(rows)


async def histories(work: UnitOfWork, task: TaskId, nodes: Sequence[NodeId]) -> dict[NodeId, list[Revision]]:
    """All revisions of these nodes, oldest first."""
    rows = await work.fetch_all(SQL.revisions_of_nodes, {"task": task, "nodes": list(nodes)})
    found: dict[NodeId, list[Revision]] = {}
    for revision in _REVISIONS.validate_python(rows):
        found.setdefault(revision.after.id, []).append(revision)
    return found


async def claim_change(work: UnitOfWork, task: TaskId, change_id: str, head: int) -> Diff | None:
    """Note the change on the locked tree; what it committed, where it was applied before."""
    key = {"tenant": work.tenant, "task": task, "change": change_id}
    if await work.execute(SQL.claim_change, {**key, "head": head}) == 1:
        return None
    found = await work.fetch_one(SQL.find_change, key)
    assert found is not None
    first, last = found["first_rev"], found["last_rev"]
    return Diff(
        task=task,
        change_id=change_id,
        base=first - 1,
        head=last,
        revisions=await revisions_between(work, task, first, last),
    )


async def release_change(work: UnitOfWork, task: TaskId, change_id: str) -> None:
    """Forget a claimed change that was refused, so that it may be tried again in the same transaction."""
    await work.execute(SQL.release_change, {"task": task, "change": change_id})


async def write(work: UnitOfWork, diff: Diff) -> None:
    """Write a claimed change: its revisions, and what they make of nodes and edges."""
    if not diff.revisions:
        return
    keys = {"tenant": work.tenant, "task": diff.task}
    created = {revision.after.id for revision in diff.revisions if revision.op == "create"}
    updated = [node.model_dump(mode="json") for node in diff.changed if node.id not in created]
    inserted = [node.model_dump(mode="json") for node in diff.changed if node.id in created]
    await work.execute(
        SQL.write_change,
        {
            **keys,
            "change": diff.change_id,
            "head": diff.head,
            "revisions": _json([revision.model_dump(mode="json") for revision in diff.revisions]),
            "updated": _json(updated),
        },
    )
    gone, new = _edges(diff)
    for statement, batch in (
        (SQL.insert_nodes, inserted),
        (SQL.retire_edges, gone),
        (SQL.insert_edges, new),
    ):
        if batch:
            await work.execute(statement, {**keys, "rows": _json(batch)})


def _edges(diff: Diff) -> tuple[list[JsonRow], list[JsonRow]]:
    """The edges that ended with this change, and those that began."""
    before: dict[NodeId, Node | None] = {}
    for revision in diff.revisions:
        before.setdefault(revision.after.id, revision.before)
    gone: list[JsonRow] = []
    new: list[JsonRow] = []
    for node in diff.changed:
        had = _edges_of(before[node.id])
        has = {} if node.retired_rev is not None else _edges_of(node)
        common: JsonRow = {"src": str(node.id), "rev": diff.head}
        gone += [{**common, "dst": str(dst), "kind": kind} for dst, kind in had if (dst, kind) not in has]
        new += [
            {**common, "dst": str(dst), "kind": kind, "position": position}
            for (dst, kind), position in has.items()
            if (dst, kind) not in had
        ]
    return gone, new


def _edges_of(node: Node | None) -> dict[tuple[NodeId, str], int]:
    """What a node's edges lead to, with their kind and their place."""
    if node is None:
        return {}
    edges = {(dst, "depends_on"): position for position, dst in enumerate(node.depends_on)}
    return edges if node.shares is None else {**edges, (node.shares, "shares"): 0}


def _json(rows: list[JsonRow]) -> str:
    return orjson.dumps(rows).decode()
