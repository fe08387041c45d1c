from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from core.ids import AgentId
from memory.task_tree import (
    OPERATIONS,
    Create,
    Link,
    OperationRefused,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Share,
    Substitute,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memory.task_tree import Operation

Forest = Any
"""The in-memory tree of this folder's conftest."""


def test_a_change_marks_exactly_the_transitive_dependents_stale(chain: Forest) -> None:
    diff = chain.turn(SetValue(node="city", value="Paris"))
    assert {node.key for node in diff.stale} == {"hotel", "bill"}
    assert chain.statuses() == {"city": "done", "hotel": "stale", "bill": "stale", "visa": "done"}


def test_dependents_that_have_not_run_are_not_marked(forest: Forest) -> None:
    forest.turn(Create(key="a", title="A", value=1), Create(key="b", title="B", depends_on=("a",)))
    assert forest.turn(SetValue(node="a", value=2)).stale == ()
    assert forest.statuses()["b"] == "pending"


def test_the_mark_names_the_change_that_caused_it(chain: Forest) -> None:
    change, *marks = chain.turn(SetValue(node="city", value="Paris")).revisions
    assert [mark.caused_by for mark in marks] == [change.rev, change.rev]


def test_setting_the_same_value_changes_nothing(chain: Forest) -> None:
    assert chain.turn(SetValue(node="city", value="Rome")).revisions == ()


def test_true_is_not_one(chain: Forest) -> None:
    chain.turn(SetValue(node="visa", value=1))
    assert chain.value("visa") is not True


def test_a_stale_step_cannot_be_done_without_running_again(chain: Forest) -> None:
    chain.turn(SetValue(node="city", value="Paris"))
    with pytest.raises(OperationRefused) as refused:
        chain.turn(SetStatus(node="hotel", status="done"))
    assert refused.value.reason == "stale_inputs"
    chain.turn(SetStatus(node="hotel", status="running"))
    chain.turn(SetValue(node="hotel", value="Louvre"), SetStatus(node="hotel", status="done"))
    assert chain.statuses()["hotel"] == "done"


def test_cycles_are_refused(chain: Forest) -> None:
    for node, other in (("city", "bill"), ("city", "city")):
        with pytest.raises(OperationRefused) as refused:
            chain.turn(Link(node=node, depends_on=other))
        assert refused.value.reason == "would_cycle"


def test_a_new_dependency_makes_finished_work_stale(chain: Forest) -> None:
    diff = chain.turn(Link(node="hotel", depends_on="visa"))
    assert {node.key for node in diff.stale} == {"hotel", "bill"}


def test_retiring_takes_the_branch_and_unlinks_what_depended_on_it(forest: Forest) -> None:
    forest.turn(
        Create(key="plan", title="Plan"),
        Create(key="step", title="Step", parent="plan", value=1),
        Create(key="report", title="Report", value=2, depends_on=("step",)),
        Create(key="letter", title="Letter", value=3, depends_on=("report",)),
    )
    forest.turn(Retire(node="plan"))
    assert forest.statuses() == {"report": "stale", "letter": "stale"}
    assert forest.tree.find("report").depends_on == ()


def test_a_retired_key_is_free_again(chain: Forest) -> None:
    chain.turn(Retire(node="visa"), Create(key="visa", title="Visa, new"))
    assert chain.tree.find("visa").title == "Visa, new"


def test_a_substitute_keeps_identity_and_links(chain: Forest) -> None:
    before = chain.tree.find("hotel")
    chain.turn(Substitute(node="hotel", title="Hostel"))
    after = chain.tree.find("hotel")
    assert (after.id, after.depends_on) == (before.id, before.depends_on)
    assert (after.title, after.value, after.status) == ("Hostel", None, "pending")
    assert chain.statuses()["bill"] == "stale"


def test_undo_goes_one_change_back_each_time(chain: Forest) -> None:
    chain.turn(SetValue(node="city", value="Paris"))
    chain.turn(SetValue(node="city", value="Oslo"))
    chain.turn(Rollback(node="city"))
    assert chain.value("city") == "Paris"
    chain.turn(Rollback(node="city"))
    assert chain.value("city") == "Rome"
    with pytest.raises(OperationRefused) as refused:
        chain.turn(Rollback(node="city"))
    assert refused.value.reason == "no_such_revision"


def test_as_originally_is_the_first_value(forest: Forest) -> None:
    forest.turn(Create(key="city", title="City"))
    forest.turn(SetStatus(node="city", status="running"))
    forest.turn(SetValue(node="city", value="Rome"), SetStatus(node="city", status="done"))
    forest.turn(SetValue(node="city", value="Paris"))
    forest.turn(Rollback(node="city", to="original"))
    assert (forest.value("city"), forest.statuses()["city"]) == ("Rome", "done")


def test_rollback_to_a_revision(chain: Forest) -> None:
    chain.turn(SetValue(node="city", value="Paris"))
    revision = chain.tree.head
    chain.turn(SetValue(node="city", value="Oslo"))
    chain.turn(Rollback(node="city", to=revision))
    assert chain.value("city") == "Paris"
    assert chain.statuses()["hotel"] == "stale"


def test_what_comes_back_is_done_only_where_what_it_rests_on_is_as_it_was(chain: Forest) -> None:
    chain.turn(Substitute(node="hotel", title="Hostel"))
    chain.turn(Rollback(node="hotel"))
    assert chain.statuses()["hotel"] == "done"
    chain.turn(Substitute(node="hotel", title="Hostel"))
    chain.turn(SetValue(node="city", value="Paris"))
    chain.turn(Rollback(node="hotel"))
    assert chain.statuses()["hotel"] == "stale"


def test_what_comes_back_was_done_by_whom_it_was_done(forest: Forest) -> None:
    first, second = AgentId(UUID(int=1)), AgentId(UUID(int=2))
    forest.turn(Create(key="a", title="A"), SetStatus(node="a", status="running", agent=first))
    forest.turn(SetStatus(node="a", status="done"), SetValue(node="a", value=1))
    forest.turn(Substitute(node="a", title="B"), SetStatus(node="a", status="running", agent=second))
    forest.turn(SetStatus(node="a", status="pending"), Rollback(node="a"))
    node = forest.tree.find("a")
    assert (node.title, node.status, node.agent) == ("A", "done", first)


def test_a_step_that_shares_has_what_the_other_has_and_goes_stale_with_it(chain: Forest) -> None:
    chain.turn(
        Create(key="inn", title="Inn", depends_on=("city",)),
        Create(key="tip", title="Tip", value=1, depends_on=("inn",)),
    )
    chain.turn(Share(node="inn", source="hotel"))
    assert (chain.value("inn"), chain.statuses()["inn"], chain.statuses()["tip"]) == (
        "Forum",
        "done",
        "stale",
    )
    chain.turn(SetValue(node="hotel", value="Ritz"))
    assert chain.statuses()["inn"] == "stale"
    chain.turn(SetStatus(node="inn", status="running"))
    assert chain.tree.find("inn").shares is None
    chain.turn(SetValue(node="hotel", value="Old Mill"))
    assert chain.statuses()["inn"] == "running"


def test_a_step_does_not_share_with_what_rests_on_it(chain: Forest) -> None:
    with pytest.raises(OperationRefused) as refused:
        chain.turn(Share(node="city", source="bill"))
    assert refused.value.reason == "would_cycle"


def test_what_shared_a_step_that_is_taken_out_must_run_itself(chain: Forest) -> None:
    chain.turn(Create(key="inn", title="Inn"), Share(node="inn", source="visa"))
    chain.turn(Retire(node="visa"))
    inn = chain.tree.find("inn")
    assert (inn.shares, inn.status) == (None, "stale")


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([Create(key="city", title="Again")], "key_taken"),
        ([Create(key="x", title="X", depends_on=("nowhere",))], "unknown_node"),
        ([SetValue(node="nowhere", value=1)], "unknown_node"),
        ([Rollback(node="city", to=0)], "no_such_revision"),
    ],
)
def test_a_refused_turn_changes_nothing(chain: Forest, operations: Sequence[Operation], reason: str) -> None:
    before = chain.tree
    with pytest.raises(OperationRefused) as refused:
        chain.turn(SetValue(node="city", value="Paris"), *operations)
    assert (refused.value.reason, refused.value.position) == (reason, 1)
    assert chain.tree is before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "create", "key": "Not A Key", "title": "x"},
        {"op": "create", "key": "a", "title": "\u200b"},
        {"op": "set_value", "node": "a", "value": "x" * 70_000},
        {"op": "set_value", "node": "a", "value": "a\0b"},
        {"op": "set_status", "node": "a", "status": "stale"},
        {"op": "explode", "node": "a"},
        {"op": "retire", "node": "a", "extra": 1},
    ],
)
def test_malformed_operations_are_refused_before_they_reach_the_tree(operation: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OPERATIONS.validate_python([operation])
