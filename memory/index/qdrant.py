"""The vector index in Qdrant: a Qdrant collection per collection and embedder, shared by all tenants."""

from __future__ import annotations

import re
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import SecretStr

from core.database import jsonb
from core.errors import ConfigurationError, StorageError
from core.ids import TenantId, derived
from memory.ports import Collection, Embedder, Hit, Point

if TYPE_CHECKING:
    from qdrant_client import models

TIMEOUT_SECONDS = 10

_BATCH = 256


class QdrantIndex:
    """A `VectorIndex` over `AsyncQdrantClient`.

    A stored payload holds `tenant`, the record's `id`, its `payload`, and `pairs`: each key and value of the
    payload as one JSON string, so that one keyword index serves every filter, whatever the keys contain.

    Args:
        url: the server's address.
        api_key: its key, if it asks for one.
        embedder: whose vectors the index holds.
        location: ":memory:" for a store inside this process, instead of a server.
    """

    def __init__(
        self,
        url: str | None,
        api_key: SecretStr | None,
        embedder: Embedder,
        *,
        location: str | None = None,
    ) -> None:
        if url is None and location is None:
            raise ConfigurationError("the vector index is qdrant, but TREEHOLD_QDRANT_URL is not set")
        from qdrant_client import AsyncQdrantClient, models

        self._models = models
        self._embedder = embedder
        self._server = location is None
        self._slug = re.sub(r"[^a-z0-9]+", "_", embedder.name.lower()).strip("_")
        with warnings.catch_warnings():
            # It warns of a key sent over plain http, which is how services of one private network talk.
            warnings.simplefilter("ignore")
            self._client = AsyncQdrantClient(
                location=location,
                url=url if self._server else None,
                api_key=api_key.get_secret_value() if api_key and self._server else None,
                timeout=TIMEOUT_SECONDS,
                check_compatibility=False,
            )

    async def prepare(self) -> None:
        """Create the collections and their payload indexes where they are missing.

        Raises:
            StorageError: Qdrant failed.
        """
        for collection in get_args(Collection):
            async with _translated():
                await self._create(self._name(collection))

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        """Add points, or replace those with the same id; the last of equal ids counts.

        Raises:
            StorageError: Qdrant failed; batches before the failure stay.
        """
        structs = [self._struct(tenant, point) for point in {point.id: point for point in points}.values()]
        async with _translated():
            for start in range(0, len(structs), _BATCH):
                await self._client.upsert(
                    self._name(collection), points=structs[start : start + _BATCH], wait=True
                )

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        limit: int,
        where: Mapping[str, str] | None = None,
    ) -> list[Hit]:
        """See `VectorIndex.search`. Equally near points come by id.

        Raises:
            StorageError: Qdrant failed.
        """
        if limit < 1:
            return []
        async with _translated():
            response = await self._client.query_points(
                self._name(collection),
                query=vector.tolist(),
                query_filter=self._filter(tenant, where or {}),
                limit=limit,
                with_payload=["id", "payload"],
            )
        hits: list[Hit] = []
        for point in response.points:
            stored = point.payload or {}
            hits.append(Hit(id=UUID(stored["id"]), similarity=point.score, payload=stored["payload"]))
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        """Take points out; ids that are not there are passed over.

        Raises:
            StorageError: Qdrant failed.
        """
        if not ids:
            return
        async with _translated():
            await self._client.delete(
                self._name(collection),
                points_selector=self._models.PointIdsList(points=[_key(tenant, id_) for id_ in ids]),
                wait=True,
            )

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        async with _translated():
            result = await self._client.count(
                self._name(collection), count_filter=self._filter(tenant, {}), exact=True
            )
        return result.count

    async def close(self) -> None:
        await self._client.close()

    async def _create(self, name: str) -> None:
        models = self._models
        if not await self._client.collection_exists(name):
            try:
                await self._client.create_collection(
                    name,
                    vectors_config=models.VectorParams(
                        size=self._embedder.dimensions, distance=models.Distance.COSINE
                    ),
                )
            except Exception:
                # Another process may have been faster.
                if not await self._client.collection_exists(name):
                    raise
        if self._server:
            for field, is_tenant in (("tenant", True), ("pairs", None)):
                schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=is_tenant)
                await self._client.create_payload_index(name, field, field_schema=schema, wait=True)

    def _name(self, collection: Collection) -> str:
        return f"treehold_{collection}_{self._slug}"

    def _struct(self, tenant: TenantId, point: Point) -> models.PointStruct:
        payload: dict[str, str] = orjson.loads(jsonb(dict(point.payload)))
        return self._models.PointStruct(
            id=_key(tenant, point.id),
            vector=point.vector.tolist(),
            payload={
                "tenant": str(tenant),
                "id": str(point.id),
                "payload": payload,
                "pairs": _pairs(payload),
            },
        )

    def _filter(self, tenant: TenantId, where: Mapping[str, str]) -> models.Filter:
        wanted: dict[str, str] = orjson.loads(jsonb(dict(where)))
        conditions = [("tenant", str(tenant)), *(("pairs", pair) for pair in _pairs(wanted))]
        return self._models.Filter(
            must=[
                self._models.FieldCondition(key=key, match=self._models.MatchValue(value=value))
                for key, value in conditions
            ]
        )


def _key(tenant: TenantId, record: UUID) -> str:
    """The point's id: two tenants may hold records with the same one."""
    return str(derived(tenant, str(record)))


def _pairs(payload: Mapping[str, str]) -> list[str]:
    return [jsonb([key, value]) for key, value in payload.items()]


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    """The client's errors as ours.

    Its store inside the process says ValueError where a server says 404, and RuntimeError once closed.
    """
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    try:
        yield
    except (ApiException, QdrantException, OSError, RuntimeError, ValueError) as error:
        raise StorageError(f"Qdrant failed: {error}") from error
