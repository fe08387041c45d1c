from __future__ import annotations

from uuid import uuid4

import pytest

from orchestrator.services.views import TaskView
from tests.unit.api.conftest import Client
from tests.unit.api.steps import submit


async def test_a_fork_is_a_new_task_and_says_where_it_came_from(client: Client) -> None:
    source = await submit(client)
    answer = await client.post(f"/v1/tasks/{source.id}/fork", json={"event": 1, "tags": {"why": "doubt"}})
    fork = TaskView.model_validate_json(answer.content)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/tasks/{fork.id}"
    assert (fork.forked_from, fork.forked_at, fork.tags) == (source.id, 1, {"why": "doubt"})


async def test_limits_that_are_given_replace_the_sources(client: Client) -> None:
    source = await submit(client)
    answer = await client.post(f"/v1/tasks/{source.id}/fork", json={"budget": {"tokens": 5}})
    assert answer.json()["budget"] == source.budget.model_copy(update={"tokens": 5}).model_dump(mode="json")


async def test_everything_may_be_left_out(client: Client) -> None:
    source = await submit(client)
    assert (await client.post(f"/v1/tasks/{source.id}/fork")).status_code == 201
    assert (await client.post(f"/v1/tasks/{source.id}/fork", json={})).status_code == 201


async def test_a_repeated_key_gives_the_same_fork(client: Client) -> None:
    source, headers = await submit(client), {"Idempotency-Key": "abc"}
    first = await client.post(f"/v1/tasks/{source.id}/fork", headers=headers)
    second = await client.post(f"/v1/tasks/{source.id}/fork", headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(
    "body", [{"event": 0}, {"event": "last"}, {"goal": "another"}, {"budget": {"tokens": -1}}, [], "x"]
)
async def test_what_is_no_wish_is_refused(client: Client, body: object) -> None:
    source = await submit(client)
    answer = await client.post(f"/v1/tasks/{source.id}/fork", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_an_event_past_the_end_is_refused_by_name(client: Client) -> None:
    source = await submit(client)
    answer = await client.post(f"/v1/tasks/{source.id}/fork", json={"event": 99})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_such_event")


async def test_what_is_not_there_cannot_be_forked(client: Client) -> None:
    answer = await client.post(f"/v1/tasks/{uuid4()}/fork")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
