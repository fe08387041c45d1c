from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from api.body import MAX_DEPTH
from api.middleware import MAX_BODY_BYTES
from api.problems import STATUS
from core.errors import ModelRateLimited, QueueFull, StorageError, TreeholdError
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import NOWHERE, FakeTasks

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "retryable"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", f"/v1/tasks/{NOWHERE}", 404, "not_found"),
        ("GET", "/v1/tasks/no-id", 404, "not_found"),
        ("PUT", "/v1/tasks", 405, "method_not_allowed"),
        ("GET", "/v1/tasks?limit=0", 422, "invalid_input"),
        ("GET", "/v1/tasks?status=odd", 422, "invalid_input"),
        ("GET", f"/v1/tasks/{NOWHERE}/events?after=-1", 422, "invalid_input"),
        ("GET", f"/v1/tasks/{NOWHERE}/events?after=99999999999999999999", 422, "invalid_input"),
    ],
)
async def test_every_error_is_a_problem(
    method: str, path: str, status: int, code: str, client: Client
) -> None:
    answer = await client.request(method, path)
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(problem) >= MEMBERS
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["instance"] == path.partition("?")[0]
    assert problem["type"] == f"urn:treehold:problem:{code}"


async def test_a_problem_names_the_task(client: Client) -> None:
    task = str(uuid4())
    assert (await client.get(f"/v1/tasks/{task}/tree")).json()["task_id"] == task


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/goal"),
        ({"goal": ""}, "/goal"),
        ({"goal": "x", "budget": {"depth": 99}}, "/budget/depth"),
        ({"goal": "x", "surprise": "secret-canary"}, "/surprise"),
        ({"goal": "x", "tags": {"team": "x" * 501}}, "/tags/team"),
        ({"goal": "x", "tags": {str(number): "" for number in range(51)}}, "/tags"),
    ],
)
async def test_invalid_bodies_say_where(body: object, pointer: str, client: Client) -> None:
    answer = await client.post("/v1/tasks", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert answer.json()["detail"].startswith(f"{pointer}: ")
    assert "secret-canary" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b'{"goal": ' + b"[" * 100_000, 400, "malformed"),
        (b'{"goal": ' + b"1" * 5_000 + b"}", 400, "malformed"),
        (json.dumps({"goal": "x", "tags": {"a": "\0"}}).encode(), 422, "invalid_input"),
        (b'{"goal": "\\ud800"}', 422, "invalid_input"),
        (b'{"goal": "x", "budget": {"seconds": Infinity}}', 422, "invalid_input"),
        (b'{"goal": "x", "budget": {"tokens": 9007199254740993}}', 422, "invalid_input"),
        (b"[]", 422, "invalid_input"),
        (b"", 400, "malformed"),
        (b'{"goal": "x", "tags": {"a": [' + b"0," * 30_000 + b"0]}}", 422, "invalid_input"),
    ],
)
async def test_hostile_bodies_are_refused(body: bytes, status: int, code: str, client: Client) -> None:
    answer = await client.post("/v1/tasks", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content_type", "body", "status", "what_to_do"),
    [
        ("application/x-www-form-urlencoded", b'{"goal": "x"}', 415, "Content-Type: application/json"),
        (None, b'{"goal": "x"}', 415, "Content-Type: application/json"),
        ("text/json", b'{"goal": "x"}', 415, "Content-Type: application/json"),
        ("application/json", b"", 400, "the body is empty: send a JSON object, such as {"),
        (None, b"", 400, "the body is empty: send a JSON object, such as {"),
        ("application/json", b"goal=x", 400, "not JSON: Expecting value (character 1)"),
        ("application/json", b'["x"]', 422, "not a JSON object, such as {"),
        ("application/json", b"{}", 422, "/goal: is required"),
        ("application/json", b'{"goal": "x", "gaol": 1}', 422, "/gaol: is not a known field; /v1/docs"),
    ],
)
async def test_a_body_that_cannot_be_taken_says_what_to_send(
    content_type: str | None, body: bytes, status: int, what_to_do: str, client: Client, tasks: FakeTasks
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await client.post("/v1/tasks", content=body, headers=headers)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code == status
    assert what_to_do in answer.json()["detail"]
    assert tasks.submissions == []


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.x+json"])
async def test_json_by_any_of_its_names_is_taken(content_type: str, client: Client) -> None:
    headers = {"Content-Type": content_type}
    assert (await client.post("/v1/tasks", content=b'{"goal": "x"}', headers=headers)).status_code == 201


async def test_depth_is_bounded(client: Client) -> None:
    schema: dict[str, object] = {}
    for _ in range(MAX_DEPTH):
        schema = {"properties": schema}
    answer = await client.post("/v1/tasks", json={"goal": "x", "output_schema": schema})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "nested" in answer.json()["detail"]


async def test_a_body_that_says_it_is_too_large_is_refused(client: Client, tasks: FakeTasks) -> None:
    answer = await client.post("/v1/tasks", json={"goal": "x" * MAX_BODY_BYTES})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert tasks.submissions == []


async def test_a_body_of_unsaid_length_is_read_no_further(client: Client) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 65_536

    answer = await client.post("/v1/tasks", content=body(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert sent < 20


@pytest.mark.parametrize("error", [RuntimeError("canary"), TreeholdError("canary")])
async def test_what_no_one_handles_is_logged_and_not_shown(
    error: Exception, client: Client, tasks: FakeTasks, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.failure = error
    with caplog.at_level(logging.ERROR, "treehold.api"):
        answer = await client.get("/v1/tasks")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]


async def test_a_failing_storage_is_worth_another_try(client: Client, tasks: FakeTasks) -> None:
    tasks.failure = StorageError("canary: db.internal refused")
    answer = await client.get("/v1/tasks")
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert "canary" not in answer.text


async def test_a_wait_is_passed_on(client: Client, tasks: FakeTasks) -> None:
    tasks.failure = ModelRateLimited("slower", retry_after=2.0)
    answer = await client.get("/v1/tasks")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


async def test_a_full_queue_says_when_to_come_back(client: Client, tasks: FakeTasks) -> None:
    tasks.failure = QueueFull("the queue is full", retry_after=7.0)
    answer = await client.post("/v1/tasks", json={"goal": "Why?"})
    told = answer.json()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert (told["code"], told["retryable"], told["detail"]) == ("queue_full", True, "the queue is full")


@pytest.mark.parametrize("code", STATUS)
async def test_every_code_has_its_status(code: str, client: Client, tasks: FakeTasks) -> None:
    tasks.failure = TreeholdError("no", code=code)
    answer = await client.get("/v1/tasks")
    assert (answer.status_code, answer.json()["code"]) == (STATUS[code], code)
