"""The vector index in Qdrant."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, get_args
from uuid import UUID, uuid5

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import SecretStr

from core.errors import ConfigurationError, StorageError
from core.ids import TenantId
from memory.index.points import batches, checked, storable
from memory.ports import Collection, Embedder, Hit, Point, Where

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient
    from qdrant_client import models as qdrant

IN_MEMORY = ":memory:"
"""Instead of a server's address: the client's own index, for this process alone."""

BATCH = 256
SECONDS = 10
"""For one request."""

EDGES = 16
"""Of a point in its tenant's graph."""

NOT_FOUND, CONFLICT = 404, 409


class QdrantIndex:
    """One Qdrant collection for each collection and embedder; every request carries the tenant.

    Args:
        url: the server's address, or `:memory:`.
        api_key: the server's key, if it asks for one.
        embedder: whose vectors are kept.

    Raises:
        ConfigurationError: there is no address.
    """

    def __init__(self, url: str | None, api_key: SecretStr | None, embedder: Embedder) -> None:
        if not url:
            raise ConfigurationError("the vector index is Qdrant, but TREEHOLD_QDRANT_URL is not set")
        self._url = url
        # As a header, because the client warns of a key over plain HTTP, also inside a private network.
        self._headers = {"api-key": api_key.get_secret_value()} if api_key else {}
        self._embedder = embedder
        self._opening = asyncio.Lock()
        self._client: AsyncQdrantClient | None = None
        self._ready: set[str] = set()

    async def prepare(self) -> None:
        for collection in get_args(Collection):
            await self._open(collection)

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        from qdrant_client import models

        client, name = await self._open(collection)
        for batch in batches(points, BATCH):
            rows = [
                models.PointStruct(
                    id=str(uuid5(tenant, str(point.id))),
                    vector=checked(point.vector, self._embedder.dimensions).tolist(),
                    payload=_payload(tenant, point),
                )
                for point in batch
            ]
            with self._errors():
                await client.upsert(name, rows, wait=True)

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        text: str | None = None,
        limit: int,
        where: Where | None = None,
    ) -> list[Hit]:
        if limit < 1:
            return []
        client, name = await self._open(collection)
        query = checked(vector, self._embedder.dimensions).tolist()
        with self._errors():
            response = await client.query_points(
                name, query, query_filter=_of_tenant(tenant, where), limit=limit
            )
        hits = [_hit(point) for point in response.points]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        from qdrant_client import models

        client, name = await self._open(collection)
        chosen = _of_tenant(tenant, {}, ids)
        with self._errors():
            await client.delete(name, models.FilterSelector(filter=chosen), wait=True)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        client, name = await self._open(collection)
        with self._errors():
            return (await client.count(name, count_filter=_of_tenant(tenant, {}), exact=True)).count

    async def present(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> frozenset[UUID]:
        client, name = await self._open(collection)
        own = {str(uuid5(tenant, str(one))): one for one in ids}
        with self._errors():
            found = await client.retrieve(name, list(own), with_payload=False)
        return frozenset(own[str(point.id)] for point in found)

    async def close(self) -> None:
        client, self._client = self._client, None
        self._ready.clear()
        if client is not None:
            await client.close()

    async def _open(self, collection: Collection) -> tuple[AsyncQdrantClient, str]:
        """The client, and the name of a Qdrant collection that is there."""
        name = collection_name(collection, self._embedder.name)
        async with self._opening:
            client = self._client
            if client is None:
                library = await asyncio.to_thread(importlib.import_module, "qdrant_client")
                client = self._client = library.AsyncQdrantClient(
                    self._url, headers=self._headers, timeout=SECONDS, check_compatibility=False
                )
            if name not in self._ready:
                with self._errors():
                    await self._create(client, name)
                self._ready.add(name)
        return client, name

    async def _create(self, client: AsyncQdrantClient, name: str) -> None:
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        if not await client.collection_exists(name):
            try:
                await client.create_collection(
                    name,
                    vectors_config=models.VectorParams(
                        size=self._embedder.dimensions, distance=models.Distance.COSINE
                    ),
                    # A graph for each tenant and none over all: no search crosses tenants.
                    hnsw_config=models.HnswConfigDiff(m=0, payload_m=EDGES),
                )
            except UnexpectedResponse as error:
                if error.status_code != CONFLICT:  # another process was quicker
                    raise
        if self._url == IN_MEMORY:
            return  # the client's own index knows no payload indexes, and warns of them
        for field, tenant in (("tenant", True), ("labels", False)):
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant)
            await client.create_payload_index(name, field, field_schema=schema, wait=True)

    @contextmanager
    def _errors(self) -> Generator[None]:
        """The client's errors as ours."""
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except ResponseHandlingException as error:
            raise StorageError(f"Qdrant at {self._url} does not answer: {error.source!r}") from error
        except (ApiException, QdrantException) as error:
            if isinstance(error, UnexpectedResponse) and error.status_code == NOT_FOUND:
                self._ready.clear()  # the server lost its collections: the next call makes them again
            raise StorageError(f"Qdrant at {self._url} failed: {error}") from error


def collection_name(collection: Collection, embedder: str) -> str:
    """Readable, allowed by Qdrant, and different for every embedder."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", embedder)
    return f"treehold-{collection}-{readable}-{blake2b(embedder.encode(), digest_size=4).hexdigest()}"


def _payload(tenant: TenantId, point: Point) -> dict[str, object]:
    payload = storable(point.payload)
    return {"tenant": str(tenant), "id": str(point.id), "payload": payload, "labels": _labels(payload)}


def _labels(payload: Mapping[str, str]) -> list[str]:
    """One string for each entry: one index serves all keys, whatever characters they are made of."""
    return [orjson.dumps(entry).decode() for entry in payload.items()]


def _of_tenant(tenant: TenantId, where: Where | None, ids: Sequence[UUID] | None = None) -> qdrant.Filter:
    """The only filter there is; none can be made without a tenant."""
    from qdrant_client import models

    def equals(field: str, value: str) -> qdrant.FieldCondition:
        return models.FieldCondition(key=field, match=models.MatchValue(value=value))

    must: list[qdrant.Condition] = [equals("tenant", str(tenant))]
    for key, allowed in (where or {}).items():
        values = [allowed] if isinstance(allowed, str) else allowed
        labels = [label for value in values for label in _labels(storable({key: value}))]
        must.append(models.FieldCondition(key="labels", match=models.MatchAny(any=labels)))
    if ids is not None:
        must.append(models.HasIdCondition(has_id=[str(uuid5(tenant, str(one))) for one in ids]))
    return models.Filter(must=must)


def _hit(point: qdrant.ScoredPoint) -> Hit:
    payload = point.payload or {}
    return Hit(id=UUID(payload["id"]), similarity=point.score, score=point.score, payload=payload["payload"])
