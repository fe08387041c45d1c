from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.ids import DEFAULT_TENANT, TaskId
from core.provenance import Provenance, Trust
from memory.task_tree.applier import Applier
from memory.task_tree.model import Diff
from memory.task_tree.operations import Create, Operation
from memory.task_tree.tree import Tree, oldest_first

TASK = TaskId(UUID(int=7))


class Forest:
    """A tree kept in memory: what the repository does with rows."""

    def __init__(self) -> None:
        self.tree = Tree(task=TASK, head=0, nodes=())
        self.turns = 0

    def turn(self, *operations: Operation, trust: Trust = Trust.USER) -> Diff:
        self.turns += 1
        revisions = self.tree.revisions
        diff = Applier(
            task=TASK,
            head=self.tree.head,
            nodes=self.tree.by_id,
            history={node: [r for r in revisions if r.after.id == node] for node in self.tree.by_id},
            actor="user",
            change_id=f"turn-{self.turns}",
            provenance=Provenance(tenant=DEFAULT_TENANT, trust=trust),
            at=datetime(2030, 1, 1, tzinfo=UTC),
        ).run(operations)
        nodes = dict(self.tree.by_id)
        for node in diff.changed:
            nodes[node.id] = node
        self.tree = Tree(
            task=TASK,
            head=diff.head,
            nodes=oldest_first(node for node in nodes.values() if node.retired_rev is None),
            revisions=(*revisions, *diff.revisions),
        )
        return diff

    def statuses(self) -> dict[str, str]:
        return {node.key: node.status for node in self.tree.nodes}

    def value(self, key: str) -> object:
        node = self.tree.find(key)
        assert node is not None
        return node.value


@pytest.fixture
def forest() -> Forest:
    return Forest()


@pytest.fixture
def chain(forest: Forest) -> Forest:
    """`city` ← `hotel` ← `bill`, and `visa` apart; all done."""
    operations: Sequence[Operation] = [
        Create(key="city", title="City", value="Rome"),
        Create(key="hotel", title="Hotel", value="Forum", depends_on=("city",)),
        Create(key="bill", title="Bill", value=120, depends_on=("hotel",)),
        Create(key="visa", title="Visa", value=True),
    ]
    forest.turn(*operations)
    return forest
