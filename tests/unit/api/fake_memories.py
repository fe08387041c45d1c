"""The port over memory, in memory: an episode of each tenant that the test adds, and notes that are given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson

from core.errors import NotFound
from core.ids import TenantId
from core.provenance import Origin, Provenance, Trust
from memory.catalogue import (
    EpisodeRecord,
    InsightRecord,
    Lineage,
    Link,
    NoteRecord,
    Record,
    Showing,
    Step,
    Version,
)
from memory.forgetting import Counts as Gone
from memory.forgetting import Forgotten, Proof, Receipt, Remains, Wanted
from memory.guard.model import Action, RecordKind, RecordState
from memory.insight_graph.lift import Counts, Lift, lift_of
from memory.search import Found, SearchResult
from memory.transfer import BadLine, Imported
from orchestrator.services.memory_views import Feedback, GivenNote, Judged
from orchestrator.services.ports import Added
from orchestrator.services.principal import Principal
from orchestrator.services.views import Page
from tests.unit.api.fakes import FakeTasks

BEGIN = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


class FakeMemories:
    def __init__(self, tasks: FakeTasks) -> None:
        self._tasks = tasks
        self._records: dict[UUID, Record] = {}
        self._receipts: dict[UUID, tuple[TenantId, Receipt]] = {}

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
        wanted = {principal.memory_scope(scope) for scope in scopes} or principal.memory_scopes
        found = [
            new_found(record)
            for record in self._of(principal).values()
            if query in record.title + record.text and record.kind in kinds and record.scope in wanted
        ]
        return SearchResult(found=tuple(found[:limit]))

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
        start = int(cursor or 0)
        found = [
            record
            for record in self._of(principal).values()
            if record.kind == kind and scope in {None, record.scope} and state in {None, record.state}
        ]
        more = len(found) > start + limit
        return Page[Record](
            data=tuple(found[start : start + limit]),
            next_cursor=str(start + limit) if more else None,
            has_more=more,
        )

    async def record(self, principal: Principal, kind: RecordKind, record: UUID) -> Record:
        principal.require("memory:read")
        found = self._of(principal).get(record)
        if found is None or found.kind != kind:
            raise NotFound(f"there is no {kind} {record} in the memory this key may see")
        return found

    async def lineage(self, principal: Principal, kind: RecordKind, record: UUID) -> Lineage:
        return new_lineage(await self.record(principal, kind, record))

    async def lift(self, principal: Principal, insight: UUID) -> Lift:
        await self.record(principal, "episode", insight)
        return lift_of(Counts.model_validate({"shown": 3, "shown_well": 2, "withheld": 1}))

    async def judge(self, principal: Principal, task: UUID, given: Feedback) -> Judged:
        """Of the tasks it was told whose they are."""
        principal.require("tasks:write")
        if task not in self._tasks.ids or not self._tasks.owns(principal, task):
            raise NotFound(f"no task {task}")
        return Judged(task=task, score=given.score, retired=(uuid4(),))

    async def add(self, principal: Principal, given: GivenNote) -> Added:
        principal.require("memory:write")
        record = given.id or uuid4()
        replayed = record in self._of(principal)
        note = new_note(principal.tenant, record, given.text, scope=principal.memory_scope(given.scope))
        self._records[record] = note
        return Added(note=note, replayed=replayed)

    async def forget(self, principal: Principal, wanted: Wanted, *, idempotency_key: str | None) -> Receipt:
        principal.require("memory:write")
        if wanted.id is None or wanted.id not in self._of(principal):
            raise NotFound("there is nothing of that in the memory this key may see")
        receipt = new_receipt(self._records.pop(wanted.id), by=principal.key)
        self._receipts[receipt.id] = principal.tenant, receipt
        return receipt

    async def receipt(self, principal: Principal, receipt: UUID) -> Receipt:
        principal.require("memory:read")
        tenant, found = self._receipts.get(receipt, (None, None))
        if found is None or tenant != principal.tenant:
            raise NotFound(f"there is no receipt {receipt}")
        return found

    async def verify(self, principal: Principal, receipt: UUID) -> Proof:
        found = await self.receipt(principal, receipt)
        return Proof(receipt=found.id, checked=len(found.records), remains=())

    async def export(self, principal: Principal, kinds: Sequence[RecordKind]) -> AsyncGenerator[bytes]:
        principal.require("memory:read")
        yield b'{"kind":"header","schema_version":1}\n'
        for record in self._of(principal).values():
            if record.kind in kinds:
                yield orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_APPEND_NEWLINE)

    async def take(self, principal: Principal, lines: Iterable[bytes], *, scope: str | None) -> Imported:
        principal.require("memory:write")
        taken = list(lines)
        bad = [BadLine(line=place, message="bad") for place, line in enumerate(taken, 1) if line == b"bad"]
        return Imported(imported={"note": len(taken) - len(bad)}, known=0, held=0, errors=tuple(bad))

    # What the test does

    def add_episode(self, tenant: TenantId, goal: str) -> EpisodeRecord:
        episode = new_episode(tenant, goal)
        self._records[episode.id] = episode
        return episode

    def forgotten(self, tenant: TenantId) -> Receipt:
        """A receipt of the tenant's."""
        receipt = new_receipt(new_episode(tenant, "gone"), by=uuid4())
        self._receipts[receipt.id] = tenant, receipt
        return receipt

    def _of(self, principal: Principal) -> dict[UUID, Record]:
        return {
            record.id: record
            for record in self._records.values()
            if record.provenance.tenant == principal.tenant and record.scope in principal.memory_scopes
        }


def _provenance(tenant: TenantId) -> Provenance:
    return Provenance(tenant=tenant, trust=Trust.USER, origins=(Origin(kind="user", id="ann"),))


def new_episode(tenant: TenantId, goal: str = "Read the plan") -> EpisodeRecord:
    return EpisodeRecord(
        id=uuid4(),
        scope="tenant",
        state="active",
        trust="user",
        provenance=_provenance(tenant),
        created_at=BEGIN,
        task=uuid4(),
        origin="user:ann",
        reasons=("clipped:goal",),
        goal=goal,
        outcome="done",
        conclusion="It has three parts.",
        steps=(Step(title="Read", status="done"),),
        actions=(Action(tool="read_file", target="plan.md", effect="pure"),),
        key_steps=("read plan.md",),
        fail_reason=None,
        reward=1.0,
        utility=0.5,
    )


def new_insight(tenant: TenantId) -> InsightRecord:
    return InsightRecord(
        id=uuid4(),
        scope="team:blue",
        state="candidate",
        trust="derived",
        provenance=_provenance(tenant),
        created_at=BEGIN,
        form="advice",
        about="Read the plan",
        text="Look at the last page first.",
        origins=("user:ann",),
        supports=2,
        contradictions=1,
        worth=0.6,
        utility=0.5,
        version=3,
        retired_for=None,
        superseded_by=uuid4(),
        updated_at=BEGIN,
    )


def new_note(tenant: TenantId, record: UUID, text: str, *, scope: str = "tenant") -> NoteRecord:
    return NoteRecord(
        id=record,
        scope=scope,
        state="active",
        trust="user",
        provenance=_provenance(tenant),
        created_at=BEGIN,
        origin="user:ann",
        reasons=(),
        text=text,
        source="the handbook",
        thread="handbook",
        position=2,
        at=BEGIN,
        expires_at=BEGIN,
    )


def new_found(record: Record) -> Found:
    return Found(
        kind=record.kind,
        id=record.id,
        scope=record.scope,
        state=record.state,
        trust=record.trust,
        origin=record.origin,
        title=record.title,
        text=record.text,
        score=1.0,
        similarity=0.9,
        unverified=False,
        held_back=None,
        created_at=BEGIN,
    )


def new_lineage(record: Record) -> Lineage:
    return Lineage(
        kind=record.kind,
        id=record.id,
        task=uuid4(),
        origins=record.provenance.origins,
        rests_on=(Link(kind="episode", id=uuid4(), relation="supports"),),
        bears=(Link(kind="insight", id=uuid4(), relation="superseded"),),
        versions=(Version(version=1, op="add", model="small", at=BEGIN),),
        shown_to=(Showing(task=uuid4(), agent=uuid4(), decision="used", version=1, at=BEGIN),),
    )


def new_receipt(record: Record, *, by: UUID) -> Receipt:
    forgotten = Forgotten(kind=record.kind, id=record.id, because="asked", fate="deleted", digest="00")
    return Receipt(
        id=uuid4(),
        at=BEGIN,
        by=by,
        wanted={"kind": record.kind, "id": str(record.id)},
        counts=Gone(episodes=1),
        records=(forgotten,),
        shown_to=(uuid4(),),
    )


def new_remains() -> Remains:
    return Remains(kind="episode", id=uuid4(), where="index")
