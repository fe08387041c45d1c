"""Forgetting and its proof. Rows first, in one transaction; then the index, told again if that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import Conflict, NotFound
from core.ids import IdSource, TenantId
from core.provenance import Trust
from core.scopes import EVERY, private
from core.text import clipped
from memory.forgetting.model import Counts, Forgotten, Proof, Receipt, Remains, Selection, Wanted
from memory.guard.model import RecordKind
from memory.index.outbox import mark_changed
from memory.insight_graph import repository
from memory.insight_graph.credit import hold
from memory.insight_graph.model import Insight
from memory.insight_graph.procedure import ABOUT_CHARACTERS, MAX_ORIGINS, weighed
from memory.ports import Generations

SQL = queries.load(__file__)

KINDS: tuple[RecordKind, ...] = ("episode", "insight", "note")

_FORGOTTEN = TypeAdapter(list[Forgotten])
_REMAINS = TypeAdapter(list[Remains])


class Forgetting:
    def __init__(self, database: Database, generations: Generations, ids: IdSource) -> None:
        self._database = database
        self._generations = generations
        self._ids = ids

    async def forget(
        self, tenant: TenantId, wanted: Wanted, *, scopes: Group[str], by: UUID, receipt: UUID
    ) -> Receipt:
        """Forget what is wanted and lies in these scopes, and what was made of it, in any scope.

        With the id of a receipt that is there for the same, that one is the answer, and nothing is done.

        Raises:
            NotFound: there is nothing of the kind.
            Conflict: the task still runs, memory is taking it in, or the receipt is for something else.
            StorageError: Postgres or the index failed. Nothing, or all that lies in Postgres, is forgotten.
        """
        named = () if wanted.id is None else (wanted.id,)
        selection = Selection(
            episodes=named if wanted.kind == "episode" else (),
            insights=named if wanted.kind == "insight" else (),
            notes=named if wanted.kind == "note" else (),
            task=wanted.task,
            key=wanted.key,
            before=wanted.before,
        )
        said = {name: str(value) for name, value in wanted.model_dump(exclude_none=True).items()}
        forgotten = await self._forget(tenant, selection, said, receipt, scopes=scopes, by=by)
        if forgotten is None:
            raise NotFound("there is nothing of that in the memory this key may see")
        return forgotten

    async def expire(self, tenant: TenantId, expired: Mapping[RecordKind, Sequence[UUID]]) -> Receipt | None:
        """Forget records whose time is over; none where they are gone already."""
        selection = Selection(
            episodes=tuple(expired.get("episode", ())),
            insights=tuple(expired.get("insight", ())),
            notes=tuple(expired.get("note", ())),
        )
        said = {"reason": "expired"}
        return await self._forget(tenant, selection, said, self._ids.new(), scopes=EVERY, by=None)

    async def receipt(self, tenant: TenantId, receipt: UUID) -> Receipt:
        """Raises `NotFound`."""
        async with self._database.unit_of_work(tenant) as work:
            return await _receipt(work, receipt)

    async def verify(self, tenant: TenantId, receipt: UUID) -> Proof:
        """Look again for all that was deleted: in the tables, in the lineage of others, and in the index.

        Raises:
            NotFound: no such receipt.
            StorageError: Postgres or the index failed.
        """
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            deleted = [one for one in (await _receipt(work, receipt)).records if one.fate == "deleted"]
            remains = _REMAINS.validate_python(await work.fetch_all(SQL.remains, {"receipt": receipt}))
        for kind in KINDS:
            ids = [one.id for one in deleted if one.kind == kind]
            there = [await one.index.digests(tenant, kind, ids) for one in await self._generations.live()]
            found = frozenset[UUID]().union(*there)
            remains += [Remains(kind=kind, id=one, where="index") for one in sorted(found)]
        return Proof(receipt=receipt, checked=len(deleted), remains=tuple(remains))

    async def _forget(
        self,
        tenant: TenantId,
        selection: Selection,
        said: Mapping[str, str],
        receipt: UUID,
        *,
        scopes: Group[str],
        by: UUID | None,
    ) -> Receipt | None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            await hold(work)
            if (earlier := await _earlier(work, receipt, said)) is not None:
                return earlier
            if selection.task is not None:
                await _refuse_unlearned(work, selection.task)
            losses = await _Losses.of(work, selection, scopes)
            if not losses.records:
                return None
            await losses.write(work, receipt, said, by, selection.key)
            written = await _receipt(work, receipt)
        for generation in await self._generations.live():
            for kind in KINDS:
                if gone := losses.deleted(kind):
                    await generation.index.delete(tenant, kind, gone)
        return written


class _Losses:
    """What goes, and what becomes of the rest: found and held first, then written."""

    def __init__(self, episodes: Sequence[Row], notes: Sequence[Row], insights: Sequence[Row]) -> None:
        self._lost = [row["id"] for row in episodes]
        self._goals = {clipped(row["goal"], ABOUT_CHARACTERS) for row in episodes}
        self._rests = insights
        self.records = [_record("episode", row) for row in episodes] + [_record("note", row) for row in notes]
        self._recomputed: list[Insight] = []

    @classmethod
    async def of(cls, work: UnitOfWork, selection: Selection, scopes: Group[str]) -> _Losses:
        key = selection.key
        chosen: dict[str, Any] = {
            **selection.model_dump(),
            "scopes": list(scopes),
            "origins": [] if key is None else [f"user:{key}", f"import:{key}"],
            "private": None if key is None else private(key),
            "imported": None if key is None else jsonb([{"kind": "import", "id": str(key)}]),
        }
        chosen |= {name: list(chosen[name]) for name in ("episodes", "insights", "notes")}
        episodes = await work.fetch_all(SQL.lock_episodes, chosen)
        notes = await work.fetch_all(SQL.lock_notes, chosen)
        lost = [row["id"] for row in episodes]
        losses = cls(episodes, notes, await work.fetch_all(SQL.lock_insights, {**chosen, "lost": lost}))
        await losses._weigh(work)
        return losses

    def deleted(self, kind: RecordKind) -> list[UUID]:
        return [one.id for one in self.records if one.kind == kind and one.fate == "deleted"]

    async def _weigh(self, work: UnitOfWork) -> None:
        """An insight goes that was asked for, was written from what is lost, or rests on nothing any more."""
        if not self._rests:
            return
        wanted = {
            "insights": [row["id"] for row in self._rests],
            "lost": self._lost,
            "untrusted": Trust.UNTRUSTED.value,
        }
        left = {row["id"]: row for row in await work.fetch_all(SQL.left, wanted)}
        for row in self._rests:
            rest = left[row["id"]]
            keeps = not row["asked"] and not row["written"] and rest["supports"] > 0
            self.records.append(_record("insight", row, recomputed=keeps))
            if keeps:
                insight = await repository.insight(work, row["id"])
                assert insight is not None
                self._recomputed.append(self._recompute(insight, rest))

    def _recompute(self, insight: Insight, rest: Row) -> Insight:
        """As if only what is left had ever been counted."""
        stripped = insight.model_copy(
            update={
                "supports": 0,
                "contradictions": 0,
                "origins": tuple(rest["origins"][:MAX_ORIGINS]),
                "trusted_origins": tuple(rest["trusted_origins"][:MAX_ORIGINS]),
                "about": clipped(rest["goal"], ABOUT_CHARACTERS)
                if insight.about in self._goals
                else insight.about,
            }
        )
        return weighed(stripped, supports=rest["supports"], contradictions=rest["contradictions"])

    async def write(
        self, work: UnitOfWork, receipt: UUID, said: Mapping[str, str], by: UUID | None, key: UUID | None
    ) -> None:
        lost = {"lost": self._lost}
        insights, notes = self.deleted("insight"), self.deleted("note")
        shown = {"records": [one.id for one in self.records if one.fate == "deleted"]}
        shown_to = [row["task_id"] for row in await work.fetch_all(SQL.shown_to, shown)]
        spoken = await work.fetch_one(SQL.count_utterances, lost)
        assert spoken is not None
        kinds = Counter(one.kind for one in self.records if one.fate == "deleted")
        counts = Counts(
            episodes=kinds["episode"],
            insights=kinds["insight"],
            notes=kinds["note"],
            utterances=spoken["rows"],
            recomputed=len(self._recomputed),
        )
        await work.execute(
            SQL.insert_receipt,
            {
                "tenant": work.tenant,
                "id": receipt,
                "wanted": jsonb(dict(said)),
                "by": by,
                "counts": jsonb(counts.model_dump()),
                "shown_to": shown_to,
            },
        )
        rows = jsonb([one.model_dump(mode="json") for one in self.records])
        await work.execute(SQL.insert_records, {"tenant": work.tenant, "receipt": receipt, "rows": rows})
        await work.execute(SQL.delete_learning, lost)
        await work.execute(SQL.delete_feedback, {**lost, "key": key})
        await work.execute(SQL.shrink_clusters, lost)
        await work.execute(SQL.drop_empty_clusters)
        await work.execute(SQL.delete_episodes, lost)
        await work.execute(SQL.delete_insights, {"ids": insights})
        await work.execute(SQL.delete_notes, {"ids": notes})
        await work.execute(
            SQL.recompute, {"rows": jsonb([one.model_dump(mode="json") for one in self._recomputed])}
        )
        for kind in KINDS:
            await mark_changed(work, kind, [one.id for one in self.records if one.kind == kind])


def _record(kind: RecordKind, row: Row, *, recomputed: bool = False) -> Forgotten:
    return Forgotten(
        kind=kind,
        id=row["id"],
        because="asked" if row.get("asked", True) else "derived",
        fate="recomputed" if recomputed else "deleted",
        digest=bytes(row["digest"]).hex(),
    )


async def _refuse_unlearned(work: UnitOfWork, task: UUID) -> None:
    """What memory has yet to take in would come back."""
    row = await work.fetch_one(SQL.task_state, {"task": task})
    if row is None or row["learned"]:
        return
    if row["status"] == "running":
        raise Conflict(f"task {task} still runs: cancel it, or wait, and then forget it")
    raise Conflict(f"memory is just taking task {task} in: forget it in a moment")


async def _earlier(work: UnitOfWork, receipt: UUID, said: Mapping[str, str]) -> Receipt | None:
    row = await work.fetch_one(SQL.receipt, {"receipt": receipt})
    if row is None:
        return None
    if row["wanted"] != said:
        raise Conflict("this idempotency key was used to forget something else", code="idempotency_mismatch")
    return await _receipt(work, receipt)


async def _receipt(work: UnitOfWork, receipt: UUID) -> Receipt:
    row = await work.fetch_one(SQL.receipt, {"receipt": receipt})
    if row is None:
        raise NotFound(f"there is no receipt {receipt}")
    records = await work.fetch_all(SQL.records, {"receipt": receipt})
    at: datetime = row["at"]
    return Receipt(
        id=row["id"],
        at=at,
        by=row["by_key"],
        wanted=row["wanted"],
        counts=Counts.model_validate(row["counts"]),
        records=tuple(_FORGOTTEN.validate_python(records)),
        shown_to=tuple(row["shown_to"]),
    )
