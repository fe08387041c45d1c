"""The task tree as its users call it: apply a change's operations, load the tree."""

from __future__ import annotations

from collections.abc import Sequence

from core.database import UnitOfWork
from core.ids import TaskId
from core.provenance import Origin, Provenance, Trust
from memory.task_tree import repository
from memory.task_tree.applier import Applier
from memory.task_tree.errors import HeadMoved, OperationRefused
from memory.task_tree.history import beneath
from memory.task_tree.model import Diff, Revision
from memory.task_tree.operations import Operation, Rollback
from memory.task_tree.tree import Tree


class TaskTree:
    """Trees in Postgres. Holds no state of its own."""

    async def apply(
        self,
        work: UnitOfWork,
        task: TaskId,
        operations: Sequence[Operation],
        *,
        actor: str,
        change_id: str,
        provenance: Provenance | None = None,
        expected_head: int | None = None,
    ) -> Diff:
        """Apply one change's operations, all or none, as part of the caller's transaction.

        A change id that was applied before changes nothing and returns what it did then. The tree's row
        stays locked until the transaction ends: call this after the rows of agents are locked and
        before events are written, always in this order, so that two transactions cannot wait for
        each other.

        Args:
            work: the caller's unit of work; nothing is committed here.
            task: whose tree.
            operations: applied in order; each sees what those before it did.
            actor: who changed the tree, for the log: "user", or "agent:" and an id.
            change_id: unique within the task.
            provenance: stamped on every value set in this change; a change of unknown source is untrusted.
            expected_head: the revision the operations were made for, where they fit no other.

        Raises:
            OperationRefused: an operation does not fit the tree; nothing was changed.
            HeadMoved: the tree is past the revision that was expected; nothing was changed.
            NotFound: no such task for this tenant.
        """
        head, at = await repository.lock(work, task)
        earlier = await repository.claim_change(work, task, change_id, head)
        if earlier is not None:
            return earlier.model_copy(update={"replayed": True})
        if expected_head is not None and head != expected_head:
            await repository.release_change(work, task, change_id)
            raise HeadMoved(expected_head, head)
        nodes = {node.id: node for node in await repository.active_nodes(work, task)}
        wanted = {operation.node for operation in operations if isinstance(operation, Rollback)}
        past = beneath(nodes, [node.id for node in nodes.values() if node.key in wanted])
        applier = Applier(
            task=task,
            head=head,
            nodes=nodes,
            history=await repository.histories(work, task, past) if past else {},
            actor=actor,
            change_id=change_id,
            provenance=provenance or _unknown(work, task, actor),
            at=at,
        )
        try:
            diff = applier.run(operations)
        except OperationRefused:
            await repository.release_change(work, task, change_id)
            raise
        await repository.write(work, diff)
        return diff

    async def load(self, work: UnitOfWork, task: TaskId, *, log: bool = True) -> Tree:
        """The tree as it stands, empty where the task has none.

        Args:
            work: whose tenant's rows are read.
            task: whose tree.
            log: also load the revisions, which only `Tree.at` needs.
        """
        head = await repository.read_head(work, task)
        return Tree(
            task=task,
            head=head,
            nodes=await repository.active_nodes(work, task),
            revisions=await repository.revisions_between(work, task, 1, head) if log else (),
        )

    async def log(self, work: UnitOfWork, task: TaskId, *, after: int, limit: int) -> tuple[Revision, ...]:
        """Revisions behind one, oldest first."""
        return await repository.revisions_between(work, task, after + 1, after + limit)

    async def load_at(self, work: UnitOfWork, task: TaskId, revision: int) -> Tree:
        """The active nodes as they were after a revision, without the log."""
        tree = await self.load(work, task, log=False)
        return tree.rewound(await repository.revisions_between(work, task, revision + 1, tree.head))


def _unknown(work: UnitOfWork, task: TaskId, actor: str) -> Provenance:
    return Provenance(
        tenant=work.tenant, trust=Trust.UNTRUSTED, origins=(Origin(kind="model", id=actor),), task=task
    )
