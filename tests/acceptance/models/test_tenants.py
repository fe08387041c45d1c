"""Two tenants on one server: generated from what there is, so that a new table or route is covered too."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from api.routes import pages
from core.database import Database
from core.database.migrate import APPLICATION_ROLE
from core.ids import DEFAULT_TENANT, TenantId, TimeOrderedIds
from core.scopes import EVERY
from memory.embedder import MiniLm
from memory.index import PgVectorIndex
from orchestrator.services.keys import new_secret, register
from tests.acceptance.models.site import Outcome, Site, http_client
from treehold import AsyncTreehold

GOAL = "How are backups kept and restored, between tenants?"
SCOPES = frozenset({"tasks:read", "tasks:write", "memory:read", "memory:write"})
SHARED = {"index_generation", "migration"}
"""Tables that belong to no tenant."""
BODIES: dict[str, dict[str, str | int]] = {
    "/v1/approvals/{approval}/decide": {"decision": "deny"},
    "/v1/tasks/{task}/messages": {"kind": "ask", "text": "let me in"},
    "/v1/tasks/{task}/feedback": {"score": 0},
}
"""What an operation must be sent before it looks whose thing it is."""
FILLED = {
    "agent",
    "approval",
    "artifact",
    "budget",
    "call",
    "checkpoint",
    "episode",
    "event",
    "forgotten",
    "forgotten_record",
    "insight",
    "note",
    "share",
    "message",
    "vector_point",
    "task",
    "tree_node",
}
"""Tables that the tasks of this test write to."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """A tenant with a task of its own. `ids` holds an id of each kind that a path may name."""

    tenant: TenantId
    http: httpx.AsyncClient
    outcome: Outcome
    ids: dict[str, str]


async def asked(client: AsyncTreehold, workspace: Path) -> str:
    """The approval that a second task asked for before it was stopped."""
    task = await client.submit(GOAL, workspace=workspace, approve={"survey_files"})
    async for event in client.stream(task):
        if event.kind == "approval.requested":
            await client.cancel(task)
    [approval] = [each async for each in client.approvals(task=task)]
    return str(approval.id)


async def remembered(http: httpx.AsyncClient) -> tuple[str, str]:
    """An insight, and the receipt of a note that is forgotten."""
    insight = str(uuid4())
    line = {"kind": "insight", "id": insight, "form": "advice", "about": GOAL, "text": "Read the last page."}
    lines = {"Content-Type": "application/x-ndjson"}
    taken = await http.post("/v1/memory/import", content=json.dumps(line), headers=lines)
    assert taken.json()["imported"] == {"insight": 1}
    given = [await http.post("/v1/memory/notes", json={"text": GOAL}) for _ in range(2)]
    doomed = {"kind": "note", "id": given[0].json()["id"]}
    receipt = (await http.post("/v1/memory/forget", json=doomed)).json()["id"]
    return insight, receipt


async def party(site: Site, workspace: Path, tenant: TenantId, key: str) -> Party:
    async with AsyncTreehold(base_url=site.url, key=key) as client:
        outcome = await site.run(GOAL, client=client, workspace=workspace)
        await site.learned(outcome, client=client)
        approval = await asked(client, workspace)
        steered = await client.submit(GOAL, workspace=workspace, memory=False)
        await client.send(steered, "ask", "How far are you?")
        await client.wait(steered)
    http = http_client(site.url, key)
    task = str(outcome.tree.task.id)
    calls = (await http.get(f"/v1/tasks/{task}/calls")).json()["data"]
    artifacts = (await http.get(f"/v1/tasks/{task}/artifacts")).json()["data"]
    agent = str(outcome.tree.agents[0].id)
    record, receipt = await remembered(http)
    ids = {
        "kinds": "insights",
        "record": record,
        "receipt": receipt,
        "task": task,
        "call": calls[0]["id"],
        "artifact": artifacts[0]["id"],
        "agent": agent,
        "approval": approval,
        "seq": "1",
    }
    return Party(tenant=tenant, http=http, outcome=outcome, ids=ids)


@pytest.fixture(scope="module")
async def ours(site: Site, workspace: Path) -> AsyncIterator[Party]:
    mine = await party(site, workspace, DEFAULT_TENANT, site.key)
    yield mine
    await mine.http.aclose()


@pytest.fixture(scope="module")
async def theirs(site: Site, workspace: Path, ours: Party) -> AsyncIterator[Party]:
    """A second tenant, who asks the same after us."""
    tenant, key = TenantId(uuid4()), new_secret()
    await asyncio.to_thread(
        register,
        site.admin_conninfo,
        TimeOrderedIds(),
        tenant=tenant,
        tenant_name="second",
        key_name="second",
        secret=key,
        scopes=SCOPES,
    )
    other = await party(site, workspace, tenant, key)
    yield other
    await other.http.aclose()


@pytest.fixture(scope="module")
async def operations(site: Site) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation the API says it has."""
    document = (await site.http.get("/v1/openapi.json")).json()
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def with_ids(path: str, *owners: Party) -> Iterator[str]:
    """The path with ids of one owner, and with every mixture of the owners'."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    for chosen in itertools.product(owners, repeat=len(names)):
        filled = path
        for name, owner in zip(names, chosen, strict=True):
            filled = filled.replace(f"{{{name}}}", owner.ids[name])
        yield filled


def naming(operations: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """The operations on one thing, which must not be another tenant's."""
    return [(method, path) for method, path, _ in operations if "{" in path]


async def test_every_operation_on_a_thing_is_the_owners_alone(
    operations: list[tuple[str, str, dict[str, Any]]], ours: Party, theirs: Party
) -> None:
    checked = 0
    for method, path in naming(operations):
        for url in with_ids(path, ours, theirs):
            own = url in set(with_ids(path, ours))
            if method != "GET" and own:
                continue
            body = BODIES.get(path) if method == "POST" else None
            answer = await ours.http.request(method, url, json=body)
            assert answer.status_code == (200 if own else 404), (method, url, answer.text)
            if not own:
                assert GOAL not in answer.text
                assert answer.json()["code"] == "not_found"
            checked += 1
    assert checked >= 14


async def test_the_owner_reads_with_the_same_addresses(
    operations: list[tuple[str, str, dict[str, Any]]], theirs: Party
) -> None:
    """What answers us with 404 is there: a leak would have been seen."""
    for method, path in naming(operations):
        for url in with_ids(path, theirs):
            if method == "GET":
                answer = await theirs.http.get(url)
                assert answer.status_code == 200, (url, answer.text)
                assert answer.content


async def test_no_operation_answers_without_a_key(
    site: Site, operations: list[tuple[str, str, dict[str, Any]]], ours: Party
) -> None:
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as stranger:
        for method, path, operation in operations:
            if operation.get("security"):
                (url,) = with_ids(path, ours)
                answer = await stranger.request(method, url)
                assert answer.status_code == 401, (method, url)
    assert {path for _, path, operation in operations if not operation.get("security")} == {
        "/healthz",
        "/readyz",
    }


async def test_cancelling_anothers_task_changes_nothing(ours: Party, theirs: Party) -> None:
    url = f"/v1/tasks/{theirs.ids['task']}"
    assert (await ours.http.post(f"{url}/cancel")).status_code == 404
    assert (await theirs.http.get(url)).json()["status"] == "done"


async def test_event_streams_are_the_owners_alone(ours: Party, theirs: Party) -> None:
    streaming = {"Accept": "text/event-stream"}
    url = f"/v1/tasks/{theirs.ids['task']}/events"
    refused = await ours.http.get(url, headers=streaming)
    assert refused.status_code == 404
    assert GOAL not in refused.text
    streamed = await theirs.http.get(url, headers=streaming)
    assert "event: task.finished" in streamed.text


async def test_lists_hold_ones_own(ours: Party, theirs: Party) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        listed = (await one.http.get("/v1/tasks", params={"limit": 200})).text
        assert one.ids["task"] in listed
        assert other.ids["task"] not in listed
        approvals = (await one.http.get("/v1/approvals", params={"limit": 200})).text
        assert one.ids["approval"] in approvals
        assert other.ids["approval"] not in approvals
        of_agent = await one.http.get(
            f"/v1/tasks/{one.ids['task']}/calls", params={"agent": other.ids["agent"]}
        )
        assert of_agent.json()["data"] == []


async def test_a_cursor_of_another_tenant_shows_ones_own(ours: Party, theirs: Party) -> None:
    first = (await ours.http.get("/v1/tasks", params={"limit": 1})).json()
    page = await theirs.http.get("/v1/tasks", params={"cursor": first["next_cursor"], "limit": 200})
    assert {task["id"] for task in page.json()["data"]} <= {theirs.ids["task"]}


async def test_the_viewers_pages_are_the_owners_alone(site: Site, ours: Party, theirs: Party) -> None:
    paths = [route.path for route in pages.router.routes if isinstance(route, APIRoute) and "{" in route.path]
    assert len(paths) >= 3
    for path in paths:
        (url,) = with_ids(path, theirs)
        for one, status in ((ours, 404), (theirs, 200)):
            key = one.http.headers["Authorization"].removeprefix("Bearer ")
            answer = await one.http.get(url, headers={"Cookie": f"treehold_key={key}", "Accept": "text/html"})
            assert answer.status_code == status, url
            assert (GOAL in answer.text) == (status == 200)


async def test_nothing_is_recalled_from_another_tenant(ours: Party, theirs: Party) -> None:
    """They asked what we had asked before, and we were recalled to nobody but ourselves."""
    (recalled,) = theirs.outcome.of_kind("recall.used")
    assert recalled.data["records"] == []
    assert theirs.outcome.of_kind("recall.held_back") == []


@pytest.fixture(scope="module")
async def application(site: Site) -> AsyncIterator[Database]:
    """The database as the application opens it."""
    password = site.application_password()
    opened = Database(make_conninfo(site.admin_conninfo, user=APPLICATION_ROLE, password=password), size=2)
    await opened.open()
    yield opened
    await opened.close()


async def test_the_vector_index_gives_ones_own(application: Database, ours: Party, theirs: Party) -> None:
    embedder = MiniLm()
    index = PgVectorIndex(application, embedder)
    vector = (await embedder.embed([GOAL]))[0]
    found = {
        one.tenant: {hit.id for hit in await index.search(one.tenant, "episode", vector, limit=50)}
        for one in (ours, theirs)
    }
    assert all(found.values()), "each finds its own"
    assert not found[ours.tenant] & found[theirs.tenant]
    nobody = TenantId(uuid4())
    assert list(await index.search(nobody, "episode", vector, limit=50)) == []


async def tables(site: Site) -> dict[str, list[str]]:
    """Every table there is, and the columns a row may be written with."""
    cursor = await site.admin.execute(
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attgenerated = '' AND a.attidentity = '' "
        "WHERE c.relnamespace = 'treehold'::regnamespace AND c.relkind = 'r' GROUP BY c.relname"
    )
    return dict(await cursor.fetchall())


async def counted(connection: psycopg.AsyncConnection[Any], table: str, tenant: TenantId | None) -> int:
    """Rows of a tenant that a connection sees; of all tenants without one."""
    column = sql.Identifier("id" if table == "tenant" else "tenant_id")
    query = sql.SQL("SELECT count(*) AS n FROM treehold.{} WHERE %(tenant)s::uuid IS NULL OR {} = %(tenant)s")
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.format(sql.Identifier(table), column), {"tenant": tenant})
        row = await cursor.fetchone()
    assert row is not None
    return row["n"]


async def test_every_table_shows_a_tenant_its_own_rows(
    site: Site, application: Database, ours: Party, theirs: Party
) -> None:
    filled: set[str] = set()
    for table in set(await tables(site)) - SHARED:
        filled |= {table} if await counted(site.admin, table, theirs.tenant) else set()
        async with application.unit_of_work(ours.tenant, scopes=EVERY) as work:
            seen = await counted(work.connection, table, None)
            assert seen == await counted(work.connection, table, ours.tenant), table
        async with application.plumbing() as connection:
            assert await counted(connection, table, None) == 0, f"{table} without a tenant"
    assert filled >= FILLED, "else nothing was there to leak"


async def test_no_table_takes_a_row_for_another_tenant(
    site: Site, application: Database, ours: Party, theirs: Party
) -> None:
    """A copy of one's own row in another's name is refused, and another's rows cannot be touched."""
    refused: set[str] = set()
    for table, columns in (await tables(site)).items():
        if table in SHARED | {"tenant"}:
            continue
        name, names = sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        others = [
            sql.SQL("%(tenant)s") if column == "tenant_id" else sql.Identifier(column) for column in columns
        ]
        copy = sql.SQL("INSERT INTO treehold.{} ({}) SELECT {} FROM treehold.{} LIMIT 1").format(
            name, names, sql.SQL(", ").join(others), name
        )
        move = sql.SQL("UPDATE treehold.{} SET tenant_id = %(tenant)s").format(name)
        drop = sql.SQL("DELETE FROM treehold.{} WHERE tenant_id = %(tenant)s").format(name)
        before = await counted(site.admin, table, theirs.tenant)
        for statement in (copy, move, drop):
            try:
                async with application.unit_of_work(ours.tenant, scopes=EVERY) as work:
                    touched = await work.execute(statement.as_bytes(), {"tenant": theirs.tenant})
                    assert touched == 0, (table, statement)
            except psycopg.errors.InsufficientPrivilege:
                refused.add(table)
        assert await counted(site.admin, table, theirs.tenant) == before, table
    assert refused >= FILLED


async def test_another_tenant_cannot_be_signed_in_as(site: Site, ours: Party, theirs: Party) -> None:
    """The header carries a key and nothing else decides: no id in it is believed."""
    for key in (secrets.token_urlsafe(32), str(theirs.tenant), f"{site.key}{theirs.tenant}"):
        answer = await ours.http.get("/v1/tasks", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 401
    extra = {"X-Tenant": str(theirs.tenant), "X-Tenant-Id": str(theirs.tenant)}
    listed = await ours.http.get(
        "/v1/tasks", headers=extra, params={"limit": 200, "tenant": str(theirs.tenant)}
    )
    assert theirs.ids["task"] not in listed.text
    assert UUID(ours.ids["task"])
    assert cast(dict[str, Any], listed.json())["data"]
