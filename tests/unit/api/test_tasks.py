from __future__ import annotations

from uuid import uuid4

import pytest

from orchestrator.services.views import CallView, Page, RevisionView, TaskView, TreeView
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import FakeTasks
from tests.unit.api.steps import submit


async def test_submitting_gives_the_task_and_its_place(client: Client) -> None:
    answer = await client.post("/v1/tasks", json={"goal": "Why?", "tags": {"team": "legal"}})
    task = TaskView.model_validate_json(answer.content)
    assert (answer.status_code, task.goal, task.tags) == (201, "Why?", {"team": "legal"})
    assert answer.headers["Location"] == f"/v1/tasks/{task.id}"
    again = await client.get(answer.headers["Location"])
    assert TaskView.model_validate_json(again.content) == task


async def test_a_repeated_key_gives_the_same_task(client: Client) -> None:
    headers = {"Idempotency-Key": "abc"}
    first = await client.post("/v1/tasks", json={"goal": "Why?"}, headers=headers)
    second = await client.post("/v1/tasks", json={"goal": "Why?"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


async def test_a_key_used_for_another_body_is_refused(client: Client) -> None:
    headers = {"Idempotency-Key": "abc"}
    await client.post("/v1/tasks", json={"goal": "Why?"}, headers=headers)
    answer = await client.post("/v1/tasks", json={"goal": "How?"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_a_key_that_is_no_token_is_refused(key: str, client: Client) -> None:
    answer = await client.post("/v1/tasks", json={"goal": "Why?"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "idempotency-key"


async def test_the_list_is_paged_and_filtered(client: Client, tasks: FakeTasks) -> None:
    made = [await submit(client, goal) for goal in ("a", "b", "c")]
    await tasks.finish(made[0].id)
    first = Page[TaskView].model_validate_json((await client.get("/v1/tasks?limit=2")).content)
    rest = await client.get("/v1/tasks", params={"limit": 2, "cursor": first.next_cursor or ""})
    assert [task.goal for task in first.data] == ["c", "b"]
    assert [task["goal"] for task in rest.json()["data"]] == ["a"]
    done = await client.get("/v1/tasks?status=done")
    assert [task["goal"] for task in done.json()["data"]] == ["a"]


async def test_tree_and_cancel(client: Client) -> None:
    task = await submit(client)
    tree = await client.get(f"/v1/tasks/{task.id}/tree")
    assert TreeView.model_validate_json(tree.content).agents[0].role == "lead"
    cancelled = await client.post(f"/v1/tasks/{task.id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")


async def test_the_plan_is_shown_as_it_was_and_how_it_came_to_be(client: Client) -> None:
    at = f"/v1/tasks/{(await submit(client)).id}/tree"
    before = TreeView.model_validate_json((await client.get(f"{at}?revision=0")).content)
    assert (before.revision, before.nodes) == (0, ())
    refused = await client.get(f"{at}?revision=4")
    assert (refused.status_code, refused.json()["code"]) == (422, "no_such_revision")
    first = Page[RevisionView].model_validate_json((await client.get(f"{at}/revisions?limit=2")).content)
    rest = (await client.get(f"{at}/revisions", params={"after": first.next_cursor or ""})).json()
    assert [each.revision for each in first.data] == [1, 2]
    assert [each["revision"] for each in rest["data"]] == [3]
    assert rest["has_more"] is False


async def test_calls_are_listed_without_contents_and_read_with_them(client: Client, tasks: FakeTasks) -> None:
    task = await submit(client)
    call = tasks.add_call(task.id)
    listed = (await client.get(f"/v1/tasks/{task.id}/calls?agent={call.agent}")).json()["data"]
    assert [(each["id"], each["request"], each["outcome"]) for each in listed] == [(str(call.id), None, None)]
    assert (await client.get(f"/v1/tasks/{task.id}/calls?agent={uuid4()}")).json() == {"data": []}
    whole = await client.get(f"/v1/tasks/{task.id}/calls/{call.id}")
    assert CallView.model_validate_json(whole.content) == call


async def test_the_model_is_named(client: Client) -> None:
    answer = await client.get("/v1/model")
    assert answer.json() == {"name": "offline", "provider": "treehold", "offline": True, "base_url": None}
