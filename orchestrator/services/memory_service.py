"""Memory as the faces use it. Implements `orchestrator.services.ports.Memories`."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from core.database import Database, UnitOfWork, queries
from core.errors import Conflict, ModelError, NotFound, StorageError
from core.ids import IdSource, RecordId, TaskId, TenantId, derived
from core.provenance import Origin, Provenance, Trust
from core.scopes import EVERY
from memory import catalogue
from memory.catalogue import Lineage, NoteRecord, Record
from memory.forgetting import Forgetting, Proof, Receipt, Wanted
from memory.guard.model import RecordKind, RecordState
from memory.insight_graph import credit
from memory.insight_graph.lift import Lift
from memory.notes import NewNote
from memory.notes import repository as notes
from memory.search import Search, SearchResult
from memory.transfer import Exporting, Imported, Importing
from memory.transfer.importing import Importer
from orchestrator.services.cursors import decode, encode
from orchestrator.services.memory_views import Feedback, GivenNote, Judged
from orchestrator.services.ports import Added
from orchestrator.services.principal import Principal
from orchestrator.services.views import Page

SQL = queries.load(__file__, "memory_service.sql")
log = logging.getLogger(__name__)


class TakesIn(Protocol):
    """What brings the index up to date with a tenant's rows."""

    async def drain(self, tenant: TenantId | None = None) -> int: ...


class MemoryService:
    """What is given to memory is in the index when this answers; where the index is away, it is later."""

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        *,
        indexer: TakesIn,
        search: Search,
        forgetting: Forgetting,
        exporting: Exporting,
        importing: Importing,
    ) -> None:
        self._database = database
        self._ids = ids
        self._indexer = indexer
        self._search = search
        self._forgetting = forgetting
        self._exporting = exporting
        self._importing = importing

    async def search(
        self,
        principal: Principal,
        query: str,
        *,
        kinds: Sequence[RecordKind],
        scopes: Sequence[str],
        limit: int,
    ) -> SearchResult:
        principal.require("memory:read")
        wanted = frozenset(map(principal.memory_scope, scopes)) or principal.memory_scopes
        return await self._search.search(principal.tenant, query, scopes=wanted, kinds=kinds, limit=limit)

    async def records(
        self,
        principal: Principal,
        kind: RecordKind,
        *,
        scope: str | None,
        state: RecordState | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Record]:
        principal.require("memory:read")
        before, before_id = decode(cursor)
        async with self._database.unit_of_work(principal.tenant, scopes=principal.memory_scopes) as work:
            found = await catalogue.page(
                work,
                kind,
                scope=None if scope is None else principal.memory_scope(scope),
                state=state,
                before=before,
                before_id=before_id,
                limit=limit + 1,
            )
        more, records = len(found) > limit, tuple(found[:limit])
        cursor = encode(records[-1].created_at, records[-1].id) if more else None
        return Page[Record](data=records, next_cursor=cursor, has_more=more)

    async def record(self, principal: Principal, kind: RecordKind, record: UUID) -> Record:
        principal.require("memory:read")
        async with self._database.unit_of_work(principal.tenant, scopes=principal.memory_scopes) as work:
            return await _record(work, kind, record)

    async def lineage(self, principal: Principal, kind: RecordKind, record: UUID) -> Lineage:
        principal.require("memory:read")
        async with self._database.unit_of_work(principal.tenant, scopes=principal.memory_scopes) as work:
            return await catalogue.lineage(work, await _record(work, kind, record))

    async def lift(self, principal: Principal, insight: UUID) -> Lift:
        principal.require("memory:read")
        async with self._database.unit_of_work(principal.tenant, scopes=principal.memory_scopes) as work:
            return await credit.lift(work, RecordId(insight))

    async def judge(self, principal: Principal, task: UUID, given: Feedback) -> Judged:
        principal.require("tasks:write")
        async with self._database.unit_of_work(principal.tenant, scopes=EVERY) as work:
            row = await work.fetch_one(SQL.task_status, {"task": task})
            if row is None:
                raise NotFound(f"no task {task}")
            if row["status"] == "running":
                raise Conflict(f"task {task} still runs: judge its result once it has one")
            retired = await credit.feedback(work, TaskId(task), given.score, principal.key, note=given.note)
        return Judged(task=task, score=given.score, retired=retired)

    async def add(self, principal: Principal, given: GivenNote) -> Added:
        principal.require("memory:write")
        user = Origin(kind="user", id=str(principal.key))
        new = NewNote(
            **given.model_dump(exclude={"id", "scope"}),
            id=RecordId(given.id or self._ids.new()),
            scope=principal.memory_scope(given.scope),
            origin=f"user:{principal.key}",
            provenance=Provenance(tenant=principal.tenant, trust=Trust.USER, origins=(user,)),
        )
        async with self._database.unit_of_work(principal.tenant, scopes=principal.memory_scopes) as work:
            note, is_new = await notes.add(work, new)
            record = await _record(work, "note", note.id)
        await self._take_in(principal.tenant)
        assert isinstance(record, NoteRecord)
        return Added(note=record, replayed=not is_new)

    async def forget(self, principal: Principal, wanted: Wanted, *, idempotency_key: str | None) -> Receipt:
        principal.require("memory:write")
        key = idempotency_key
        receipt = self._ids.new() if key is None else derived(principal.key, "forget", key)
        scopes = EVERY if "admin" in principal.scopes else principal.memory_scopes
        return await self._forgetting.forget(
            principal.tenant, wanted, scopes=scopes, by=principal.key, receipt=receipt
        )

    async def receipt(self, principal: Principal, receipt: UUID) -> Receipt:
        principal.require("memory:read")
        return await self._forgetting.receipt(principal.tenant, receipt)

    async def verify(self, principal: Principal, receipt: UUID) -> Proof:
        principal.require("memory:read")
        return await self._forgetting.verify(principal.tenant, receipt)

    def export(self, principal: Principal, kinds: Sequence[RecordKind]) -> AsyncGenerator[bytes]:
        principal.require("memory:read")
        return self._exporting.lines(principal.tenant, scopes=principal.memory_scopes, kinds=kinds)

    async def take(self, principal: Principal, lines: Iterable[bytes], *, scope: str | None) -> Imported:
        principal.require("memory:write")
        importer = Importer(
            key=principal.key,
            scopes=principal.memory_scopes,
            place=principal.memory_scope,
            scope=None if scope is None else principal.memory_scope(scope),
            restores="admin" in principal.scopes,
        )
        imported = await self._importing.take(principal.tenant, lines, importer)
        await self._take_in(principal.tenant)
        return imported

    async def _take_in(self, tenant: TenantId) -> None:
        """Whatever fails here, an indexer does again."""
        try:
            await self._indexer.drain(tenant)
        except (StorageError, ModelError) as error:
            log.warning("memory.index_late", extra={"reason": error.message})


async def _record(work: UnitOfWork, kind: RecordKind, record: UUID) -> Record:
    found = await catalogue.read(work, kind, [record])
    if not found:
        raise NotFound(f"there is no {kind} {record} in the memory this key may see")
    return found[0]
