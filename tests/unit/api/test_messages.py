from __future__ import annotations

import pytest

from orchestrator.services.views import MessageView
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import FakeTasks
from tests.unit.api.steps import submit


async def test_a_message_is_accepted_and_listed(client: Client) -> None:
    task = await submit(client)
    body = {"kind": "revise", "node": "s1", "text": "Only since May."}
    answer = await client.post(f"/v1/tasks/{task.id}/messages", json=body)
    message = MessageView.model_validate_json(answer.content)
    assert (answer.status_code, message.number, message.status) == (202, 1, "pending")
    listed = await client.get(f"/v1/tasks/{task.id}/messages")
    assert [each["id"] for each in listed.json()["data"]] == [str(message.id)]


async def test_a_repeated_key_sends_one_message(client: Client) -> None:
    task = await submit(client)
    url, headers = f"/v1/tasks/{task.id}/messages", {"Idempotency-Key": "abc"}
    first = await client.post(url, json={"kind": "ask", "text": "How far?"}, headers=headers)
    second = await client.post(url, json={"kind": "ask", "text": "How far?"}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"kind": "revise", "text": "x"}, "name it in node"),
        ({"kind": "retract"}, "name it in node"),
        ({"kind": "add", "text": " \t"}, "say in text"),
        ({"kind": "ask"}, "say in text"),
        ({"kind": "shout", "text": "x"}, "/kind"),
        ({"kind": "add", "text": "x" * 4001}, "/text"),
        ({"kind": "add", "text": "x", "task": "y"}, "/task"),
    ],
)
async def test_what_makes_no_message_is_refused_with_what_to_do(
    body: dict[str, str], told: str, client: Client
) -> None:
    task = await submit(client)
    answer = await client.post(f"/v1/tasks/{task.id}/messages", json=body)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


async def test_a_task_that_is_over_takes_no_message(client: Client, tasks: FakeTasks) -> None:
    task = await submit(client)
    await tasks.finish(task.id)
    answer = await client.post(f"/v1/tasks/{task.id}/messages", json={"kind": "ask", "text": "There?"})
    assert (answer.status_code, answer.json()["code"]) == (409, "task_ended")
