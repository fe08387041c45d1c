"""What the offline model makes of English: operations where it is sure, a question where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from inference.offline.changing import change
from memory.task_tree import Reading, read_reply, reading_schema

NODES: list[dict[str, Any]] = [
    {"id": "city", "title": "City", "value": "Rome", "was": ["Oslo"], "changed": 9},
    {"id": "hotel", "title": "Hotel", "value": "Forum", "was": [], "changed": 2},
    {"id": "outward-date", "title": "Outward date", "value": "3 May", "was": [], "changed": 3},
    {"id": "return-date", "title": "Return date", "value": "9 May", "was": [], "changed": 4},
    {"id": "budget", "title": "Budget", "value": 500, "was": [], "changed": 5},
]
GONE: list[dict[str, Any]] = [
    {"id": "museum", "title": "Museum visit", "value": "Friday", "was": [], "changed": 6}
]


def understood(said: str, *, holds: Any = "value", about: str = "") -> Reading:
    keys, gone = [node["id"] for node in NODES], [node["id"] for node in GONE]
    blocks: Any = {"nodes": NODES, "gone": GONE, "said": said, "about": about}
    return read_reply(change(blocks, reading_schema(keys, gone, holds=holds)), keys, gone)


def short(reading: Reading) -> list[str]:
    """`op node value`, for each operation."""
    made = [each.model_dump() for each in reading.operations]
    parts = ("node", "id", "nodes", "title", "value", "to", "depends_on")
    return [" ".join([each["op"], *(f"{each[part]}" for part in parts if each.get(part))]) for each in made]


@pytest.mark.parametrize(
    ("said", "operations"),
    [
        ("Change the city to Paris, please.", ["set_value city Paris"]),
        ("Paris instead of Rome", ["set_value city Paris"]),
        ("could you make the budget 1,200?", ["set_value budget 1200"]),
        ("The hotel should be the Ritz", ["set_value hotel Ritz"]),
        ("let's go with Ritz for the hotel", ["set_value hotel Ritz"]),
        ("put the city back to what it was", ["rollback city previous"]),
        ("back to the original budget", ["rollback budget original"]),
        ("Have the hotel as originally", ["rollback hotel original"]),
        ("undo that", ["rollback city previous"]),
        ("undo the change to the city", ["rollback city previous"]),
        ("bring back the museum visit", ["rollback museum previous"]),
        ("We don't need the hotel anymore", ["retire hotel"]),
        ("drop the hotel and the budget", ["retire hotel", "retire budget"]),
        ("Add a rental car: Fiat", ["create new1 Rental car Fiat"]),
        ("add two tickets that depend on the city", ["create new1 Tickets 2 ('city',)"]),
        ("The budget depends on the hotel", ["link budget hotel"]),
        ("What is the hotel?", ["query ('hotel',)"]),
        ("show me everything so far", ["query"]),
        (
            "Set the budget to 800 and the hotel to Astoria",
            ["set_value budget 800", "set_value hotel Astoria"],
        ),
        ("add breakfast and remove the hotel", ["create new1 Breakfast", "retire hotel"]),
    ],
)
def test_what_is_said_becomes_operations(said: str, operations: list[str]) -> None:
    reading = understood(said)
    assert short(reading) == operations
    assert not reading.needs_clarification


@pytest.mark.parametrize(
    ("said", "candidates"),
    [
        ("change the date to 5 May", {"outward-date", "return-date"}),
        ("remove the pool", set[str]()),
        ("drop the hotel and the pool", set[str]()),
        ("what is the visa number?", set[str]()),
        ("blue skies ahead", set[str]()),
    ],
)
def test_what_may_mean_several_things_or_nothing_is_asked(said: str, candidates: set[str]) -> None:
    reading = understood(said)
    assert reading.needs_clarification
    assert reading.operations == ()
    assert set(reading.candidates) == candidates


def test_it_is_the_node_that_the_user_named_beside_the_words() -> None:
    assert short(understood("make it 700", about="budget")) == ["set_value budget 700"]


def test_steps_are_asked_for_something_else_and_have_no_values() -> None:
    (wanted,) = understood("change the hotel to which hotels have a pool", holds="text").operations
    assert (wanted.op, getattr(wanted, "text", "")) == ("substitute", "which hotels have a pool")
