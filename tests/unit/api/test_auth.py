from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from api.auth import COOKIE
from tests.unit.api.conftest import Client
from tests.unit.api.fake_memories import FakeMemories
from tests.unit.api.fakes import KEY, OTHER_KEY, READ_KEY, FakeTasks

PUBLIC = {"/healthz", "/readyz"}
MESSAGES = ("POST", "/v1/tasks/{task}/messages")
ON_RUNNING = {("POST", "/v1/tasks/{task}/pause"), ("POST", "/v1/tasks/{task}/resume"), MESSAGES}
"""Only what runs can be paused or spoken to."""
DECIDE = ("POST", "/v1/approvals/{approval}/decide")
FORK = ("POST", "/v1/tasks/{task}/fork")
FEEDBACK = ("POST", "/v1/tasks/{task}/feedback")
NOTES, FORGET = ("POST", "/v1/memory/notes"), ("POST", "/v1/memory/forget")
IMPORT, SEARCH = ("POST", "/v1/memory/import"), ("GET", "/v1/memory/search")
ON_MEMORY = {FEEDBACK, NOTES, FORGET, IMPORT}
WRITES = {("POST", "/v1/tasks"), ("POST", "/v1/tasks/{task}/cancel"), FORK, DECIDE, *ON_RUNNING, *ON_MEMORY}
BODIES: dict[tuple[str, str], dict[str, str | float]] = {
    FEEDBACK: {"score": 0.5},
    NOTES: {"text": "x"},
    ("POST", "/v1/tasks"): {"goal": "x"},
    DECIDE: {"decision": "deny"},
    FORK: {},
    MESSAGES: {"kind": "ask", "text": "x"},
}


def operations(app: FastAPI) -> list[tuple[str, str]]:
    document: dict[str, Any] = app.openapi()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


async def each_operation(
    app: FastAPI, client: Client, tasks: FakeTasks, key: str | None
) -> dict[tuple[str, str], tuple[int, str]]:
    """Every operation of the API, asked for about things of the owner."""
    owner = {"Authorization": f"Bearer {KEY}"}
    task, running = [
        UUID((await client.post("/v1/tasks", json={"goal": "canary"}, headers=owner)).json()["id"])
        for _ in range(2)
    ]
    approval = app.state.services.approvals.add(task)
    call, artifact = tasks.add_call(task), tasks.add_artifact(task, "canary.txt", "text/plain", b"canary")
    running = (await client.post("/v1/tasks", json={"goal": "canary"}, headers=owner)).json()["id"]
    await tasks.finish(task)
    memories: FakeMemories = app.state.services.memories
    tenant = (await app.state.services.keys.authenticate(KEY)).tenant
    kept, doomed = (memories.add_episode(tenant, "canary") for _ in range(2))
    bodies = BODIES | {FORGET: {"kind": "episode", "id": str(doomed.id)}}
    names = {
        "{kinds}": "episodes",
        "{record}": str(kept.id),
        "{receipt}": str(memories.forgotten(tenant).id),
        "{task}": str(task),
        "{call}": str(call.id),
        "{artifact}": str(artifact.id),
        "{approval}": str(approval.id),
    }
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for method, path in operations(app):
        address = path
        if (method, path) in ON_RUNNING:
            address = address.replace("{task}", str(running))
        for name, value in names.items():
            address = address.replace(name, value)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        if (method, path) == IMPORT:
            headers["Content-Type"] = "application/x-ndjson"
        params = {"q": "canary"} if (method, path) == SEARCH else None
        body = bodies.get((method, path))
        answer = await client.request(method, address, headers=headers, params=params, json=body)
        found[method, path] = (answer.status_code, answer.text)
    return found


async def test_the_owner_may_do_everything(app: FastAPI, anonymous: Client, tasks: FakeTasks) -> None:
    answers = await each_operation(app, anonymous, tasks, KEY)
    assert len(answers) >= 13
    assert {status for status, _ in answers.values()} == {200, 201, 202}


@pytest.mark.parametrize("key", [None, "th_unknown", "x"])
async def test_without_a_valid_key_nothing_but_health(
    key: str | None, app: FastAPI, anonymous: Client, tasks: FakeTasks
) -> None:
    answers = await each_operation(app, anonymous, tasks, key)
    for (_, path), (status, text) in answers.items():
        assert status == (200 if path in PUBLIC else 401)
        assert "canary" not in text


async def test_another_tenant_sees_nothing(app: FastAPI, anonymous: Client, tasks: FakeTasks) -> None:
    answers = await each_operation(app, anonymous, tasks, OTHER_KEY)
    for (method, path), (status, text) in answers.items():
        made = method == "POST" and path != "/v1/memory/import"
        hidden = "{" in path or (method, path) == FORGET
        assert status == (404 if hidden else 201 if made else 200), path
        assert "canary" not in text


async def test_a_reader_may_not_write(app: FastAPI, anonymous: Client, tasks: FakeTasks) -> None:
    answers = await each_operation(app, anonymous, tasks, READ_KEY)
    for operation, (status, _) in answers.items():
        assert status == (403 if operation in WRITES else 200)


@pytest.mark.parametrize(
    "header", ["Basic dGg6eA==", "Bearer", "Bearer ", KEY, f"Token {KEY}", f"Bearer {KEY} {KEY}"]
)
async def test_other_schemes_are_refused_even_with_a_cookie(header: str, browser: Client) -> None:
    answer = await browser.get("/v1/tasks", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_key_comes_before_the_body(anonymous: Client) -> None:
    assert (await anonymous.post("/v1/tasks", json={"goal": ""})).status_code == 401


async def test_a_cookie_reads_from_anywhere_and_writes_from_our_pages_only(browser: Client) -> None:
    del browser.headers["Origin"]
    assert (await browser.get("/v1/tasks")).status_code == 200
    for headers in [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8321.evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ]:
        answer = await browser.post("/v1/tasks", json={"goal": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    for headers in [
        {"Origin": "http://127.0.0.1:8321"},
        {"Origin": "https://treehold.example"},
        {"Sec-Fetch-Site": "same-origin"},
    ]:
        assert (await browser.post("/v1/tasks", json={"goal": "x"}, headers=headers)).status_code == 201


async def test_a_bearer_key_needs_no_origin(client: Client) -> None:
    headers = {"Origin": "https://evil.example"}
    assert (await client.post("/v1/tasks", json={"goal": "x"}, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "a b", "", "[::1", "x@localhost"]
)
async def test_hostile_hosts_are_refused(host: str, client: Client) -> None:
    answer = await client.get("/v1/tasks", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize(
    "host", ["localhost:8321", "LOCALHOST", "127.0.0.1", "[::1]:8321", "192.168.1.7", "treehold.example"]
)
async def test_own_names_and_addresses_are_answered(host: str, client: Client) -> None:
    assert (await client.get("/v1/tasks", headers={"Host": host})).status_code == 200


async def test_two_hosts_are_none(client: Client) -> None:
    request = client.build_request("GET", f"/v1/tasks/{uuid4()}", headers=[("Host", "localhost")])
    request.headers = type(request.headers)([*request.headers.raw, (b"Host", b"evil.example")])
    assert (await client.send(request)).status_code == 421


async def test_a_revoked_key_ends_what_a_cookie_may(app: FastAPI, browser: Client) -> None:
    assert browser.cookies[COOKIE] == KEY
    app.state.services.keys.revoke(KEY)
    assert (await browser.get("/v1/tasks")).status_code == 401
    assert (await browser.get("/")).headers["Location"] == "/sign-in?next=%2F"
