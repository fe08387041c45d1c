"""The Qdrant adapter over HTTP: what it asks a server for, and how a server's failures come out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from aiohttp import web
from pydantic import SecretStr

from core.errors import ConfigurationError, StorageError
from core.ids import TenantId
from memory.index import QdrantIndex
from memory.ports import Point, Vectors

EAST = np.eye(384, dtype=np.float32)[0]
TENANT = TenantId(UUID(int=7))

WRITTEN = {"operation_id": 1, "status": "completed"}
RESULTS: dict[str, object] = {
    "exists": {"exists": False},
    "index": WRITTEN,
    "points": WRITTEN,
    "batch": [{"points": []}, {"points": []}],
    "count": {"count": 0},
}


class AnyEmbedder:
    name = "any"
    dimensions = 384

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"an index was made to embed {len(texts)} texts")


@dataclass
class ServerScript:
    """Answers as an empty Qdrant does, or with the status it is given, and writes down what it was asked."""

    url: str = ""
    status: int = 200
    asked: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    keys: set[str | None] = field(default_factory=set[str | None])

    async def answer(self, request: web.Request) -> web.Response:
        body: Any = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        self.keys.add(request.headers.get("api-key"))
        result = RESULTS.get(request.path.split("/")[-1], True)
        return web.json_response({"result": result, "status": "ok", "time": 0}, status=self.status)


@pytest.fixture
async def server() -> AsyncGenerator[ServerScript]:
    script = ServerScript()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield script
    await runner.cleanup()


@pytest.fixture
async def index(server: ServerScript) -> AsyncGenerator[QdrantIndex]:
    made = QdrantIndex(server.url, SecretStr("a-key"), AnyEmbedder())
    yield made
    await made.close()


async def test_collections_are_made_for_many_tenants(index: QdrantIndex, server: ServerScript) -> None:
    await index.prepare()
    fields = [
        (body["field_name"], body["field_schema"].get("is_tenant"))
        for _, path, body in server.asked
        if path.endswith("/index")
    ]
    assert fields == [("tenant", True), ("labels", False)] * 3
    made = [body for method, _, body in server.asked if method == "PUT" and "vectors" in body]
    assert [body["vectors"] for body in made] == [{"meaning": {"size": 384, "distance": "Cosine"}}] * 3
    assert [body["sparse_vectors"] for body in made] == [{"words": {"modifier": "idf"}}] * 3


async def test_the_key_goes_along_and_nothing_warns_of_plain_http(
    index: QdrantIndex, server: ServerScript
) -> None:
    await index.prepare()
    assert server.keys == {"a-key"}


async def test_every_search_and_count_names_the_tenant(index: QdrantIndex, server: ServerScript) -> None:
    await index.prepare()
    server.asked.clear()
    await index.search(TENANT, "episode", EAST, limit=3, where={"scope": "a"})
    await index.count(TENANT, "episode")
    await index.search(TENANT, "episode", EAST, text="walrus", limit=3)
    (near,), counted, (near_too, worded) = (body.get("searches", body) for _, _, body in server.asked)
    for body in (near, counted, near_too, worded):
        assert {"key": "tenant", "match": {"value": str(TENANT)}} in body["filter"]["must"]
    assert (near_too["using"], worded["using"]) == ("meaning", "words")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_refusal_is_a_storage_error(index: QdrantIndex, server: ServerScript, status: int) -> None:
    await index.prepare()
    server.status = status
    with pytest.raises(StorageError):
        await index.search(TENANT, "episode", EAST, limit=3)
    with pytest.raises(StorageError):
        await index.upsert(TENANT, "episode", [Point(id=UUID(int=1), vector=EAST)])


async def test_a_collection_that_was_lost_is_made_again(index: QdrantIndex, server: ServerScript) -> None:
    await index.prepare()
    server.status = 404
    with pytest.raises(StorageError):
        await index.search(TENANT, "episode", EAST, limit=3)
    server.status = 200
    server.asked.clear()
    await index.upsert(TENANT, "episode", [Point(id=UUID(int=1), vector=EAST)])
    assert any(path.endswith("/index") for _, path, _ in server.asked)


async def test_points_are_sent_in_batches(index: QdrantIndex, server: ServerScript) -> None:
    await index.prepare()
    server.asked.clear()
    await index.upsert(TENANT, "episode", [Point(id=UUID(int=row), vector=EAST) for row in range(600)])
    assert [len(body["points"]) for _, _, body in server.asked] == [256, 256, 88]


async def test_no_server_is_a_storage_error() -> None:
    index = QdrantIndex("http://127.0.0.1:9", None, AnyEmbedder())
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9"):
        await index.count(TENANT, "episode")
    await index.close()
    await index.close()


def test_without_an_address_there_is_no_index() -> None:
    with pytest.raises(ConfigurationError, match="TREEHOLD_QDRANT_URL"):
        QdrantIndex(None, None, AnyEmbedder())
