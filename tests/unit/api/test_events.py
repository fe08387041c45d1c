from __future__ import annotations

import json

import pytest

from core.errors import StorageError
from orchestrator.services.views import EventView, TaskView
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import FakeTasks
from tests.unit.api.steps import messages, submit

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
async def task(client: Client, tasks: FakeTasks) -> TaskView:
    """Finished, with ten events."""
    task = await submit(client)
    for turn in range(8):
        await tasks.publish(task.id, "agent.started", turn=turn, text="a\r\nb\u2028c\x85d")
    await tasks.finish(task.id)
    return task


async def test_events_come_in_pages(task: TaskView, client: Client) -> None:
    first = (await client.get(f"/v1/tasks/{task.id}/events?limit=6")).json()
    rest = (await client.get(f"/v1/tasks/{task.id}/events", params={"after": first["next_cursor"]})).json()
    assert (first["next_cursor"], first["has_more"]) == ("6", True)
    assert (rest["next_cursor"], rest["has_more"]) == (None, False)
    assert [event["seq"] for event in first["data"] + rest["data"]] == list(range(1, 11))


async def test_a_stream_is_the_list(task: TaskView, client: Client) -> None:
    listed = (await client.get(f"/v1/tasks/{task.id}/events")).json()["data"]
    answer = await client.get(f"/v1/tasks/{task.id}/events", headers=STREAM)
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["X-Accel-Buffering"] == "no"
    streamed = messages(answer.content)
    assert [json.loads(message["data"]) for message in streamed] == listed
    assert [(int(message["id"]), message["event"]) for message in streamed] == [
        (event["seq"], event["kind"]) for event in listed
    ]


@pytest.mark.parametrize("after", range(11))
async def test_resuming_anywhere_equals_the_rest_of_the_list(
    after: int, task: TaskView, client: Client
) -> None:
    listed = (await client.get(f"/v1/tasks/{task.id}/events?after={after}")).json()["data"]
    by_query = await client.get(f"/v1/tasks/{task.id}/events?after={after}", headers=STREAM)
    by_header = await client.get(
        f"/v1/tasks/{task.id}/events?after=1", headers=STREAM | {"Last-Event-ID": str(after)}
    )
    assert by_query.content == by_header.content
    assert [json.loads(message["data"]) for message in messages(by_query.content)] == listed


@pytest.mark.parametrize("after", [0, 3])
async def test_a_trimmed_place_is_a_gap(after: int, task: TaskView, client: Client, tasks: FakeTasks) -> None:
    tasks.trim(task.id, numbers=range(1, 6))
    answer = await client.get(f"/v1/tasks/{task.id}/events?after={after}", headers=STREAM)
    gap, *rest = messages(answer.content)
    assert (gap["event"], gap["id"]) == ("gap", "5")
    assert json.loads(gap["data"]) == {"after": after, "first": 6}
    assert [int(message["id"]) for message in rest] == [6, 7, 8, 9, 10]


async def test_events_trimmed_under_way_are_a_gap(task: TaskView, client: Client, tasks: FakeTasks) -> None:
    tasks.trim(task.id, numbers={3, 4})
    answer = await client.get(f"/v1/tasks/{task.id}/events", headers=STREAM)
    ids = [(message["event"] == "gap", message["id"]) for message in messages(answer.content)]
    assert ids[:4] == [(False, "1"), (False, "2"), (True, "4"), (False, "5")]


async def test_a_place_that_never_was_is_a_gap(task: TaskView, client: Client) -> None:
    answer = await client.get(f"/v1/tasks/{task.id}/events?after=99", headers=STREAM)
    gap, *rest = messages(answer.content)
    assert json.loads(gap["data"]) == {"after": 99, "first": 1}
    assert [int(message["id"]) for message in rest] == list(range(1, 11))


@pytest.mark.parametrize("place", ["x", "-1", "1e9", "99999999999999999999"])
async def test_a_place_that_is_no_number_is_refused(place: str, task: TaskView, client: Client) -> None:
    headers = STREAM | {"Last-Event-ID": place}
    answer = await client.get(f"/v1/tasks/{task.id}/events", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_failing_storage_ends_the_stream_where_it_can_be_resumed(
    task: TaskView, client: Client, tasks: FakeTasks
) -> None:
    tasks.cuts[4] = StorageError("gone")
    cut = messages((await client.get(f"/v1/tasks/{task.id}/events", headers=STREAM)).content)
    assert [int(message["id"]) for message in cut] == [1, 2, 3]
    rest = await client.get(f"/v1/tasks/{task.id}/events", headers=STREAM | {"Last-Event-ID": cut[-1]["id"]})
    assert EventView.model_validate_json(messages(rest.content)[0]["data"]).seq == 4
