"""Where a conversation's tree is kept: in Postgres, or in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from core.database import Database
from core.ids import TaskId, TenantId
from core.provenance import Provenance
from memory.task_tree.applier import Applier
from memory.task_tree.errors import HeadMoved
from memory.task_tree.model import Diff
from memory.task_tree.operations import Operation
from memory.task_tree.service import TaskTree
from memory.task_tree.tree import Tree, replay


class PostgresStore:
    """The tree of a task's rows; each change is a transaction."""

    def __init__(self, database: Database, task: TaskId, *, actor: str, provenance: Provenance) -> None:
        self._database = database
        self._tenant: TenantId = provenance.tenant
        self._task = task
        self._actor = actor
        self._provenance = provenance
        self._trees = TaskTree()

    async def load(self) -> Tree:
        async with self._database.unit_of_work(self._tenant) as work:
            return await self._trees.load(work, self._task)

    async def apply(self, operations: Sequence[Operation], *, change_id: str, expected_head: int) -> Diff:
        async with self._database.unit_of_work(self._tenant) as work:
            return await self._trees.apply(
                work,
                self._task,
                operations,
                actor=self._actor,
                change_id=change_id,
                provenance=self._provenance,
                expected_head=expected_head,
            )


class LocalStore:
    """A tree that lasts as long as the process: for tests, benchmarks and trials. Nothing in it is shared."""

    def __init__(
        self, task: TaskId, *, actor: str, provenance: Provenance, now: Callable[[], datetime]
    ) -> None:
        self._tree = Tree(task=task, head=0, nodes=())
        self._actor = actor
        self._provenance = provenance
        self._now = now
        self._changes: dict[str, Diff] = {}

    async def load(self) -> Tree:
        return self._tree

    async def apply(self, operations: Sequence[Operation], *, change_id: str, expected_head: int) -> Diff:
        if change_id in self._changes:
            return self._changes[change_id].model_copy(update={"replayed": True})
        tree = self._tree
        if tree.head != expected_head:
            raise HeadMoved(expected_head, tree.head)
        diff = Applier(
            task=tree.task,
            head=tree.head,
            nodes=tree.by_id,
            history={node: [each for each in tree.revisions if each.after.id == node] for node in tree.by_id},
            actor=self._actor,
            change_id=change_id,
            provenance=self._provenance,
            at=self._now(),
        ).run(operations)
        self._changes[change_id] = diff
        self._tree = replay(tree.task, [*tree.revisions, *diff.revisions])
        return diff
