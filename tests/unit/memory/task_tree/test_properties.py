from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from core.provenance import Trust
from memory.task_tree import (
    Create,
    Link,
    Operation,
    OperationRefused,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Share,
    Substitute,
    Tree,
)

Forest = Any

KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
VALUES = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["x", "y"]))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def operations(draw: DrawFn) -> Operation:
    key = draw(KEYS)
    return draw(
        st.one_of(
            st.builds(
                Create,
                key=st.just(key),
                title=st.just(key),
                parent=st.none() | KEYS,
                depends_on=st.lists(KEYS, max_size=3).map(tuple),
                value=VALUES,
            ),
            st.builds(SetValue, node=st.just(key), value=VALUES),
            st.builds(
                SetStatus,
                node=st.just(key),
                status=st.sampled_from(["pending", "running", "done", "failed"]),
            ),
            st.builds(Substitute, node=st.just(key), title=st.sampled_from(["s", "t"]), value=VALUES),
            st.builds(
                Rollback, node=st.just(key), to=st.sampled_from(["original", "previous"]) | st.integers(0, 30)
            ),
            st.builds(Retire, node=st.just(key)),
            st.builds(Link, node=st.just(key), depends_on=KEYS),
            st.builds(Share, node=st.just(key), source=KEYS),
        )
    )


PROGRAMS = st.lists(operations(), max_size=40)


def run(forest: Forest, program: list[Operation]) -> list[Tree]:
    """Apply each operation as a turn of its own; the trees after each turn that was accepted."""
    trees: list[Tree] = [forest.tree]
    for operation in program:
        try:
            forest.turn(operation)
        except OperationRefused:
            continue
        trees.append(forest.tree)
    return trees


def fresh(forest: Forest) -> Forest:
    return type(forest)()


@QUICK
@given(PROGRAMS)
def test_dependencies_stay_acyclic_and_among_active_nodes(forest: Forest, program: list[Operation]) -> None:
    for tree in run(fresh(forest), program):
        graph = {node.id: set(node.rests_on) for node in tree.nodes}
        list(TopologicalSorter(graph).static_order())
        assert all(dependency in tree.by_id for needed in graph.values() for dependency in needed)


@QUICK
@given(PROGRAMS)
def test_the_log_rebuilds_every_state(forest: Forest, program: list[Operation]) -> None:
    trees = run(fresh(forest), program)
    final = trees[-1]
    for tree in trees:
        assert final.at(tree.head).nodes == tree.nodes


@QUICK
@given(PROGRAMS, KEYS, VALUES)
def test_rollback_of_a_set_is_identity(
    forest: Forest, program: list[Operation], key: str, value: object
) -> None:
    forest = fresh(forest)
    run(forest, program)
    before = forest.tree.find(key)
    if before is None:
        return
    if forest.turn(SetValue.model_validate({"node": key, "value": value}), trust=Trust.OPERATOR).revisions:
        forest.turn(Rollback(node=key))
    assert forest.tree.find(key) == before


@QUICK
@given(PROGRAMS, KEYS, KEYS, st.booleans())
def test_what_comes_back_is_stale_where_what_it_rests_on_is_not_as_it_was(
    forest: Forest, program: list[Operation], key: str, below: str, changes: bool
) -> None:
    """Replaced, and put back while what it rests on changed, or did not."""
    forest = fresh(forest)
    run(forest, program)
    node, base = forest.tree.find(key), forest.tree.find(below)
    if node is None or base is None or node.status != "done" or node.shares is not None:
        return
    if base.id not in node.depends_on:
        return
    forest.turn(Substitute(node=key, title="other"))
    if changes:
        forest.turn(SetValue(node=below, value="quite new"))
    forest.turn(Rollback(node=key))
    assert forest.tree.find(key).status == ("stale" if changes else "done")


@QUICK
@given(PROGRAMS, KEYS)
def test_stale_set_is_the_finished_part_of_the_closure(
    forest: Forest, program: list[Operation], key: str
) -> None:
    forest = fresh(forest)
    run(forest, program)
    start = forest.tree.find(key)
    if start is None:
        return
    closure, grew = {start.id}, True
    while grew:
        more = {node.id for node in forest.tree.nodes if closure & set(node.rests_on)}
        grew = not more <= closure
        closure |= more
    expected = {
        node.id for node in forest.tree.nodes if node.id in closure and node.status in {"done", "running"}
    } - {start.id}
    diff = forest.turn(SetValue(node=key, value="quite new"))
    assert {revision.after.id for revision in diff.revisions if revision.op == "mark_stale"} == expected


@QUICK
@given(PROGRAMS)
def test_ready_steps_rest_on_finished_ones(forest: Forest, program: list[Operation]) -> None:
    tree = run(fresh(forest), program)[-1]
    for node in tree.ready():
        assert node.status in {"pending", "stale"}
        assert {tree.get(dependency).status for dependency in node.depends_on} <= {"done"}
