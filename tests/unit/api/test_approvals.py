from __future__ import annotations

from uuid import uuid4

import pytest

from orchestrator.services.views import ApprovalView, Page
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import OTHER_KEY, READ_KEY, FakeApprovals, FakeTasks
from tests.unit.api.steps import submit


async def test_a_task_is_paused_and_resumed(client: Client) -> None:
    task = await submit(client)
    for what, paused in (("pause", True), ("pause", True), ("resume", False)):
        answer = await client.post(f"/v1/tasks/{task.id}/{what}")
        assert (answer.status_code, answer.json()["paused"]) == (200, paused)


async def test_what_has_ended_cannot_be_paused(client: Client, tasks: FakeTasks) -> None:
    task = await submit(client)
    await tasks.finish(task.id)
    answer = await client.post(f"/v1/tasks/{task.id}/pause")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_approvals_are_listed_and_filtered(client: Client, approvals: FakeApprovals) -> None:
    first, second = [approvals.add((await submit(client)).id) for _ in range(2)]
    page = Page[ApprovalView].model_validate_json((await client.get("/v1/approvals?limit=1")).content)
    assert (page.data, page.has_more) == ((second,), True)
    rest = await client.get("/v1/approvals", params={"cursor": page.next_cursor or ""})
    assert [each["id"] for each in rest.json()["data"]] == [str(first.id)]
    await client.post(f"/v1/approvals/{first.id}/decide", json={"decision": "deny"})
    waiting = await client.get("/v1/approvals?status=pending")
    assert [each["id"] for each in waiting.json()["data"]] == [str(second.id)]
    of_task = await client.get("/v1/approvals", params={"task": str(first.task)})
    assert [each["id"] for each in of_task.json()["data"]] == [str(first.id)]


async def test_deciding(client: Client, approvals: FakeApprovals) -> None:
    approval = approvals.add((await submit(client)).id)
    place = f"/v1/approvals/{approval.id}"
    said = {"decision": "approve", "arguments": {"to": "me@example.org"}, "note": "me first"}
    decided = ApprovalView.model_validate_json((await client.post(f"{place}/decide", json=said)).content)
    assert (decided.status, decided.edited, decided.note) == (
        "approved",
        {"to": "me@example.org"},
        "me first",
    )
    assert ApprovalView.model_validate_json((await client.get(place)).content) == decided
    late = await client.post(f"{place}/decide", json={"decision": "deny"})
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")
    assert "approved" in late.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "perhaps"},
        {"decision": "approve", "arguments": ["to"]},
        {"decision": "approve", "arguments": {"from": "me"}},
        {"decision": "deny", "note": ""},
        {"decision": "deny", "why": "so"},
    ],
)
async def test_a_decision_that_is_none_decides_nothing(
    client: Client, approvals: FakeApprovals, body: dict[str, object]
) -> None:
    approval = approvals.add((await submit(client)).id)
    answer = await client.post(f"/v1/approvals/{approval.id}/decide", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert approvals.added[approval.id].status == "pending"


async def test_who_may_decide(client: Client, approvals: FakeApprovals) -> None:
    approval = approvals.add((await submit(client)).id)
    place, said = f"/v1/approvals/{approval.id}", {"decision": "approve"}
    for key, status in ((READ_KEY, 403), (OTHER_KEY, 404)):
        headers = {"Authorization": f"Bearer {key}"}
        answer = await client.post(f"{place}/decide", json=said, headers=headers)
        assert answer.status_code == status
    assert (await client.get(f"/v1/approvals/{uuid4()}")).status_code == 404
    assert approvals.added[approval.id].status == "pending"
