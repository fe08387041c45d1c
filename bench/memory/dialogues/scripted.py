"""The tree with the operations given: what it holds after each turn must be the gold state, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from bench.memory.dialogues.generator import Dialogue, Step
from core.ids import DEFAULT_TENANT, TaskId
from core.provenance import Provenance, Trust
from memory.task_tree import (
    Create,
    Link,
    LocalStore,
    Operation,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Tree,
    brought_back,
    new_key,
)

WHEN = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Exactness:
    """Counts over turns. `again` counts steps that ran again, `all_again` what they were of everything."""

    turns: int = 0
    exact_states: int = 0
    exact_reruns: int = 0
    again: int = 0
    all_again: int = 0
    changes: int = 0


def local_store() -> LocalStore:
    provenance = Provenance(tenant=DEFAULT_TENANT, trust=Trust.USER)
    return LocalStore(TaskId(UUID(int=1)), actor="user", provenance=provenance, now=lambda: WHEN)


def values_of(tree: Tree) -> dict[str, str]:
    return {node.title: str(node.value) for node in tree.nodes}


async def run_again(store: LocalStore, tree: Tree, turn: int) -> frozenset[str]:
    """Do what a change left to be done; the titles of what ran."""
    stale = [node for node in tree.nodes if node.status == "stale"]
    again: list[Operation] = [SetStatus(node=node.key, status="running") for node in stale]
    again += [SetStatus(node=node.key, status="done") for node in stale]
    if again:
        await store.apply(again, change_id=f"again-{turn}", expected_head=tree.head)
    return frozenset(node.title for node in stale)


async def measure(dialogue: Dialogue, counts: Exactness) -> None:
    """Raises `OperationRefused` where the tree does not take what the gold state takes."""
    store = local_store()
    for number, turn in enumerate(dialogue.turns):
        tree = await store.load()
        wanted = [operation for step in turn.steps for operation in operations(step, tree)]
        if wanted:
            await store.apply(wanted, change_id=f"turn-{number}", expected_head=tree.head)
        tree = await store.load()
        again = await run_again(store, tree, number)
        counts.turns += 1
        counts.exact_states += values_of(tree) == turn.values
        counts.exact_reruns += again == turn.stale
        if wanted:
            counts.changes += 1
            counts.again += len(again)
            counts.all_again += len(tree.nodes)


def operations(step: Step, tree: Tree) -> list[Operation]:
    """What a step means, in the tree's own words."""
    key = next((node.key for node in tree.nodes if node.title == step.title), new_key(step.title, ()))
    rests_on = tuple(new_key(title, ()) for title in step.rests_on)
    match step.act:
        case "add" | "add_resting":
            return [Create(key=key, title=step.title, value=step.value, depends_on=rests_on)]
        case "revise":
            return [SetValue(node=key, value=step.value)]
        case "undo":
            return [Rollback(node=key, to="previous")]
        case "original":
            return [Rollback(node=key, to="original")]
        case "retract" | "unadd":
            return [Retire(node=key)]
        case "bring_back":
            return brought_back(tree, key)
        case "link":
            return [Link(node=key, depends_on=rests_on[0])]
        case "query" | "vague":
            return []
