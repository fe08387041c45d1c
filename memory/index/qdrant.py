"""The index in Qdrant."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, get_args
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from core.errors import ConfigurationError, StorageError
from core.ids import TenantId
from memory.index.fusion import DEPTH, Candidate, Place, Scale, lifted, nearest, neighbourhood, scored
from memory.index.points import batches, checked, digest_of, storable
from memory.index.qdrant_filters import at_places, labels_of, of_tenant
from memory.index.weights import Weights, counts_of, weights_of
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

MEANING, WORDS = "meaning", "words"
"""The vectors of a point: what its text means, and the words that it has."""

NOT_FOUND, CONFLICT = 404, 409


class QdrantIndex:
    """One Qdrant collection for each collection and embedder; every request carries the tenant.

    Args:
        url: the server's address, or `:memory:`.
        api_key: the server's key, if it asks for one.
        embedder: whose vectors are kept.
        generation: tells apart indexes that were made with the same embedder.

    Raises:
        ConfigurationError: there is no address.
    """

    def __init__(
        self, url: str | None, api_key: SecretStr | None, embedder: Embedder, *, generation: int = 1
    ) -> None:
        if not url:
            raise ConfigurationError("the vector index is Qdrant, but TREEHOLD_QDRANT_URL is not set")
        self._url = url
        # As a header, because the client warns of a key over plain HTTP, also inside a private network.
        self._headers = {"api-key": api_key.get_secret_value()} if api_key else {}
        self._embedder = embedder
        self._generation = generation
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
                    vector=self._vectors(tenant, collection, point),
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
        counts = counts_of(tenant, collection, text or "")
        candidates = await self._candidates(tenant, collection, vector, counts, limit, where)
        scale = Scale.of(candidates)
        hits = scored(candidates, scale)
        if text is None:
            return nearest(candidates, limit)
        if places := neighbourhood(hits):
            hits |= scored(await self._neighbours(tenant, collection, vector, places, where), scale)
        return lifted(hits, limit)

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        from qdrant_client import models

        client, name = await self._open(collection)
        chosen = of_tenant(tenant, {}, ids)
        with self._errors():
            await client.delete(name, models.FilterSelector(filter=chosen), wait=True)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        client, name = await self._open(collection)
        with self._errors():
            return (await client.count(name, count_filter=of_tenant(tenant, {}), exact=True)).count

    async def digests(
        self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        client, name = await self._open(collection)
        points = [str(uuid5(tenant, str(one))) for one in ids]
        with self._errors():
            found = await client.retrieve(name, points, with_payload=["id", "digest"])
        payloads = [point.payload or {} for point in found]
        return {UUID(payload["id"]): payload["digest"] for payload in payloads}

    async def pages(self, tenant: TenantId, collection: Collection) -> AsyncIterator[Sequence[UUID]]:
        client, name = await self._open(collection)
        after = None
        while True:
            with self._errors():
                found, after = await client.scroll(
                    name, of_tenant(tenant, {}), limit=BATCH, offset=after, with_payload=["id"]
                )
            if found:
                yield [UUID((point.payload or {})["id"]) for point in found]
            if after is None:
                return

    async def destroy(self) -> None:
        for collection in get_args(Collection):
            client, name = await self._open(collection)
            with self._errors():
                await client.delete_collection(name)
        self._ready.clear()

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

    def _vectors(self, tenant: TenantId, collection: Collection, point: Point) -> dict[str, qdrant.Vector]:
        from qdrant_client import models

        made: dict[str, qdrant.Vector] = {MEANING: checked(point.vector, self._embedder.dimensions).tolist()}
        if weights := weights_of(tenant, collection, point.text):
            made[WORDS] = models.SparseVector(indices=list(weights), values=list(weights.values()))
        return made

    async def _candidates(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        counts: Weights,
        limit: int,
        where: Where | None,
    ) -> list[Candidate]:
        """The nearest, and those whose words fit best."""
        from qdrant_client import models

        client, name = await self._open(collection)
        depth = max(limit, DEPTH) if counts else limit
        asked: list[tuple[str, list[float] | qdrant.SparseVector]] = [
            (MEANING, checked(vector, self._embedder.dimensions).tolist())
        ]
        if counts:
            words = models.SparseVector(indices=list(counts), values=list(counts.values()))
            asked.append((WORDS, words))
        requests = [
            models.QueryRequest(
                query=query,
                using=using,
                filter=of_tenant(tenant, where),
                limit=depth,
                with_payload=True,
                with_vector=[MEANING],
            )
            for using, query in asked
        ]
        with self._errors():
            near, *worded = await client.query_batch_points(name, requests)
        points = {point.id: point for found in (near, *worded) for point in found.points}
        words_of = {point.id: point.score for found in worded for point in found.points}
        return [_candidate(point, vector, words_of.get(point.id, 0.0)) for point in points.values()]

    async def _neighbours(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        places: Sequence[Place],
        where: Where | None,
    ) -> list[Candidate]:
        client, name = await self._open(collection)
        with self._errors():
            chosen = at_places(of_tenant(tenant, where), places)
            found, _ = await client.scroll(name, chosen, limit=2 * len(places), with_vectors=[MEANING])
        return [_candidate(point, vector, 0.0) for point in found]

    async def _open(self, collection: Collection) -> tuple[AsyncQdrantClient, str]:
        """The client, and the name of a Qdrant collection that is there."""
        name = collection_name(collection, self._embedder.name, self._generation)
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
                    vectors_config={
                        MEANING: models.VectorParams(
                            size=self._embedder.dimensions, distance=models.Distance.COSINE
                        )
                    },
                    # The server knows how rare a word is: its number is the tenant's own (`term_of`).
                    sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
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


def collection_name(collection: Collection, embedder: str, generation: int) -> str:
    """Readable, allowed by Qdrant, and different for every embedder and generation."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", embedder)
    hashed = blake2b(embedder.encode(), digest_size=4).hexdigest()
    return f"treehold-{collection}-{readable}-{hashed}-{generation}"


def _payload(tenant: TenantId, point: Point) -> dict[str, object]:
    payload = storable(point.payload)
    return {
        "tenant": str(tenant),
        "id": str(point.id),
        "payload": payload,
        "labels": labels_of(payload),
        "digest": digest_of(point.text, point.payload),
    }


def _candidate(
    point: qdrant.ScoredPoint | qdrant.Record, vector: NDArray[np.float32], words: float
) -> Candidate:
    payload, vectors = point.payload or {}, point.vector
    assert isinstance(vectors, dict), "named vectors were asked for"
    return Candidate(
        id=UUID(payload["id"]),
        similarity=float(np.asarray(vectors[MEANING], dtype=np.float32) @ vector),
        words=words,
        payload=payload["payload"],
    )
