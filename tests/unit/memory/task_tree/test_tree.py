"""A tree as a turn keeps it: moved on by its own changes, and set back to where it began."""

from __future__ import annotations

from memory.task_tree import Create, Prune, Retire, SetStatus, Substitute
from tests.unit.memory.task_tree.conftest import Forest


def test_a_tree_moved_on_by_a_change_is_the_tree_after_it(chain: Forest) -> None:
    before = chain.tree
    diff = chain.turn(Substitute(node="city", title="Another city"), Retire(node="visa"))
    assert before.advanced(diff).nodes == chain.tree.nodes
    assert before.advanced(diff).advanced(diff).nodes == chain.tree.nodes, "also where it is told twice"


def test_a_tree_set_back_is_the_tree_before(chain: Forest) -> None:
    before = chain.tree
    chain.turn(Substitute(node="city", title="Another city"), Retire(node="visa"))
    chain.turn(Create(key="train", title="Train"), SetStatus(node="hotel", status="running"))
    later = chain.tree.revisions[before.head :]
    assert chain.tree.rewound(later).nodes == before.nodes
    assert chain.tree.rewound(later).head == before.head
    assert chain.tree.rewound(()).nodes == chain.tree.nodes


def test_dependents_are_found_at_any_remove(chain: Forest) -> None:
    city = chain.tree.find("city")
    assert city is not None
    assert [node.key for node in chain.tree.dependents(city.id)] == ["hotel", "bill"]


def test_what_is_below_a_step_can_go_while_the_step_stays(chain: Forest) -> None:
    chain.turn(
        Create(key="walk", title="Walk", parent="city"),
        Create(key="shoes", title="Shoes", parent="walk"),
        Create(key="map", title="Map", parent="city", depends_on=("walk",)),
    )
    chain.turn(Prune(node="city"))
    assert chain.statuses() == {"city": "done", "hotel": "done", "bill": "done", "visa": "done"}
    chain.turn(Prune(node="city"))
    assert chain.statuses()["city"] == "done"
