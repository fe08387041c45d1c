"""Talking to a tree: what is said takes effect whole or not at all; what is said back is what was done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import JsonValue

from core.ids import DEFAULT_TENANT, TaskId
from core.provenance import Provenance, Trust
from memory.task_tree import Conversation, Create, HeadMoved, LocalStore, SetValue, Shown, digest

TASK = TaskId(UUID(int=7))


def words(text: str) -> int:
    return len(text.split())


def store() -> LocalStore:
    provenance = Provenance(tenant=DEFAULT_TENANT, trust=Trust.USER)
    return LocalStore(TASK, actor="user", provenance=provenance, now=lambda: datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
async def trip() -> LocalStore:
    made = store()
    await made.apply(
        [
            Create(key="city", title="City", value="Rome"),
            Create(key="hotel", title="Hotel", value="Forum", depends_on=("city",)),
            Create(key="bill", title="Bill", value=120, depends_on=("hotel",)),
        ],
        change_id="plan",
        expected_head=0,
    )
    return made


class Scripted:
    """Answers with what it is given, in order, and keeps what it was shown."""

    def __init__(self, *replies: JsonValue, before: Callable[[], Any] | None = None) -> None:
        self.replies = list(replies)
        self.shown: list[Shown] = []
        self.before = before

    async def __call__(self, utterance: str, shown: Shown, schema: dict[str, JsonValue]) -> JsonValue:
        self.shown.append(shown)
        if self.before is not None:
            await self.before()
        return self.replies.pop(0)


def reply(*operations: JsonValue, candidates: tuple[str, ...] | None = None) -> JsonValue:
    return {
        "operations": [*operations],
        "needs_clarification": candidates is not None,
        "candidates": [*(candidates or ())],
    }


PARIS: JsonValue = {"op": "set_value", "node": "city", "value": "Paris"}


async def said(trip: LocalStore, *operations: JsonValue, turn: str = "t1") -> str:
    talk = Conversation(trip, Scripted(reply(*operations)), words)
    return (await talk.say("…", change_id=turn)).text


async def value(trip: LocalStore, key: str) -> object:
    node = (await trip.load()).find(key)
    return None if node is None else (node.value, node.status)


async def test_the_answer_is_what_was_committed_and_what_is_to_be_done_again(trip: LocalStore) -> None:
    assert await said(trip, PARIS) == '"City": Rome is now Paris.\nTo be done again: "Hotel", "Bill".'
    assert await said(trip, PARIS, turn="t2") == "Nothing changed: it was so already."
    assert await value(trip, "bill") == (120, "stale")


async def test_a_question_is_answered_from_the_tree_as_it_is_after_the_change(trip: LocalStore) -> None:
    asked: JsonValue = {"op": "query", "nodes": ["city", "hotel"]}
    text = await said(trip, PARIS, asked)
    assert text.splitlines()[-2:] == ['"City": Paris.', '"Hotel": Forum (to be done again).']


async def test_what_is_unclear_is_asked_and_changes_nothing(trip: LocalStore) -> None:
    talk = Conversation(trip, Scripted(reply(candidates=("city", "hotel"))), words)
    answer = await talk.say("change it", change_id="t1")
    assert answer.status == "unclear"
    assert '"City" (city), "Hotel" (hotel)' in answer.text
    assert (await trip.load()).head == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"operations": [PARIS]},
        reply(),
        reply({"op": "set_value", "node": "town", "value": 1}),
        reply(PARIS, {"op": "link", "node": "city", "depends_on": "bill"}),
        reply({"op": "substitute", "node": "city", "title": "\u200b", "value": None}),
        reply({"op": "set_value", "node": "city", "value": "a\0b"}),
        "no",
    ],
)
async def test_a_reply_that_cannot_be_used_changes_nothing_and_says_so(
    trip: LocalStore, broken: JsonValue
) -> None:
    answer = await Conversation(trip, Scripted(broken), words).say("…", change_id="t1")
    assert answer.status == "refused"
    assert "nothing was changed" in answer.text.lower()
    assert await value(trip, "city") == ("Rome", "done")


async def test_the_same_turn_again_changes_nothing_more(trip: LocalStore) -> None:
    first = await said(trip, PARIS)
    await said(trip, {"op": "set_value", "node": "city", "value": "Oslo"}, turn="t2")
    assert await said(trip, PARIS) == first
    assert await value(trip, "city") == ("Oslo", "done")


async def test_where_another_change_came_between_it_is_understood_anew_once(trip: LocalStore) -> None:
    turns = iter(range(9))

    async def meddle() -> None:
        number = next(turns)
        if number < meddling:
            head = (await trip.load()).head
            change = [SetValue(node="bill", value=number)]
            await trip.apply(change, change_id=f"other-{number}", expected_head=head)

    meddling = 1
    talk = Conversation(trip, Scripted(reply(PARIS), reply(PARIS), before=meddle), words)
    assert (await talk.say("…", change_id="t1")).status == "changed"
    assert (await value(trip, "bill"), await value(trip, "city")) == ((0, "stale"), ("Paris", "done"))
    meddling = 9
    talk = Conversation(trip, Scripted(reply(PARIS), reply(PARIS), before=meddle), words)
    with pytest.raises(HeadMoved):
        await talk.say("…", change_id="t2")


async def test_what_was_taken_out_comes_back_with_its_links(trip: LocalStore) -> None:
    assert (
        await said(trip, {"op": "retire", "node": "hotel"}) == 'Took out "Hotel".\nTo be done again: "Bill".'
    )
    await said(trip, {"op": "rollback", "node": "hotel", "to": "previous"}, turn="t2")
    tree = await trip.load()
    hotel, bill = tree.find("hotel"), tree.find("bill")
    assert hotel is not None
    assert bill is not None
    assert (hotel.value, [tree.get(each).key for each in hotel.depends_on]) == ("Forum", ["city"])
    assert bill.depends_on == (hotel.id,)


async def test_a_sentence_may_add_things_that_rest_on_one_another(trip: LocalStore) -> None:
    def added(new: str, title: str, *rests: str) -> JsonValue:
        return {"op": "create", "id": new, "title": title, "value": None, "depends_on": [*rests]}

    await said(trip, added("new1", "City"), added("new2", "Map of it", "new1"))
    tree = await trip.load()
    city, plan = tree.find("city-2"), tree.find("map-of-it")
    assert city is not None
    assert plan is not None
    assert plan.depends_on == (city.id,)


async def test_a_digest_over_its_budget_keeps_what_was_spoken_of_and_what_that_rests_on() -> None:
    made = store()
    many = [Create(key=f"n{number}", title=f"Thing {number}", value="word " * 20) for number in range(40)]
    mine = [
        Create(key="base", title="Base", value=1),
        Create(key="roof", title="Roof", value=2, depends_on=("base",)),
    ]
    await made.apply([*mine, *many], change_id="plan", expected_head=0)
    shown = digest(await made.load(), "paint the roof red", budget=60, count_tokens=words)
    assert {"base", "roof"} <= set(shown.keys)
    assert len(shown.keys) < 6


async def test_a_digest_tells_earlier_values_and_what_changed_last(trip: LocalStore) -> None:
    await said(trip, PARIS)
    await said(trip, {"op": "set_value", "node": "bill", "value": 90}, turn="t2")
    await said(trip, {"op": "rollback", "node": "bill", "to": "previous"}, turn="t3")
    shown = digest(await trip.load(), "", budget=1000, count_tokens=words)
    lines = {line.id: line for line in shown.nodes}
    assert lines["city"].was == ("Rome",)
    assert max(lines.values(), key=lambda line: line.changed).id == "city"
