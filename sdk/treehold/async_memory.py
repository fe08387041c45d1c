"""Memory, for code on an event loop: `client.memory`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar, Unpack
from uuid import UUID

from treehold import memory_endpoints as endpoints
from treehold.endpoints import Endpoint, TaskRef
from treehold.memory_endpoints import NoteOptions, RecordRef
from treehold.memory_models import (
    Imported,
    Lift,
    Lineage,
    MemoryKind,
    Note,
    Proof,
    Receipt,
    Record,
    SearchResult,
)

R = TypeVar("R")


class Send(Protocol):
    async def __call__(self, endpoint: Endpoint[R], /) -> R: ...


class AsyncMemory:
    """As `Memory`, with the same arguments, methods and errors, to be awaited."""

    def __init__(self, send: Send, lines: Callable[[dict[str, Any]], AsyncIterator[str]]) -> None:
        self._send = send
        self._lines = lines

    async def search(
        self,
        query: str,
        *,
        kinds: Collection[MemoryKind] = (),
        scopes: Collection[str] = (),
        limit: int = 10,
    ) -> SearchResult:
        """See `Memory.search`."""
        return await self._send(endpoints.search(query, kinds, scopes, limit))

    async def list(
        self, kind: MemoryKind, *, scope: str | None = None, state: str | None = None
    ) -> AsyncIterator[Record]:
        """See `Memory.list`."""
        cursor: str | None = None
        while True:
            page = await self._send(endpoints.page(kind, scope, state, cursor))
            for record in page.data:
                yield record
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def get(self, kind: MemoryKind, record: RecordRef) -> Record:
        """See `Memory.get`."""
        return await self._send(endpoints.get(kind, record))

    async def add(self, text: str, **options: Unpack[NoteOptions]) -> Note:
        """See `Memory.add`."""
        return await self._send(endpoints.add(text, options))

    async def lineage(self, kind: MemoryKind, record: RecordRef) -> Lineage:
        """See `Memory.lineage`."""
        return await self._send(endpoints.lineage(kind, record))

    async def lift(self, insight: RecordRef) -> Lift:
        """See `Memory.lift`."""
        return await self._send(endpoints.lift(insight))

    async def forget(
        self,
        kind: MemoryKind | None = None,
        record: RecordRef | None = None,
        *,
        task: TaskRef | None = None,
        key: UUID | str | None = None,
        before: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """See `Memory.forget`."""
        return await self._send(endpoints.forget(kind, record, task, key, before, idempotency_key))

    async def receipt(self, receipt: Receipt | UUID | str) -> Receipt:
        """See `Memory.receipt`."""
        return await self._send(endpoints.receipt(receipt))

    async def verify(self, receipt: Receipt | UUID | str) -> Proof:
        """See `Memory.verify`."""
        return await self._send(endpoints.proof(receipt))

    def export(self, *, kinds: Collection[MemoryKind] = ()) -> AsyncIterator[str]:
        """See `Memory.export`."""
        return self._lines(endpoints.export(kinds))

    async def import_(self, lines: Iterable[bytes | str], *, scope: str | None = None) -> Imported:
        """See `Memory.import_`."""
        return endpoints.together(
            [(batch, await self._send(batch.endpoint(scope))) for batch in endpoints.batches(lines)]
        )
