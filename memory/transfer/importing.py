"""Lines become memory: through the write gate, in the importer's scopes, and in nobody else's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from core.database import Database, UnitOfWork, jsonb, queries
from core.errors import AccessDenied, Conflict, InvalidInput
from core.ids import RecordId, TenantId, derived
from core.provenance import Origin, Provenance, Trust
from core.scopes import TENANT
from core.text import clipped
from memory.guard.model import TARGET_CHARACTERS, RecordKind, RecordState, freest
from memory.guard.write import screen
from memory.index.outbox import mark_changed
from memory.insight_graph.model import CONCLUSION_CHARACTERS, GOAL_CHARACTERS, TITLE_CHARACTERS, Procedure
from memory.insight_graph.procedure import ABOUT_CHARACTERS, describe
from memory.notes import NewNote
from memory.notes import repository as notes
from memory.transfer.model import (
    SCHEMA_VERSION,
    BadLine,
    EpisodeLine,
    Header,
    Imported,
    InsightLine,
    Line,
    NoteLine,
    RecordLine,
)

SQL = queries.load(__file__)

INSIGHT_CHARACTERS = 2_000

_LINE: TypeAdapter[Header | EpisodeLine | InsightLine | NoteLine] = TypeAdapter(Line)

_LIMITS = {
    "goal": GOAL_CHARACTERS,
    "conclusion": CONCLUSION_CHARACTERS,
    "fail_reason": CONCLUSION_CHARACTERS,
    "title": TITLE_CHARACTERS,
    "status": 20,
    "key_step": TITLE_CHARACTERS,
    "target": TARGET_CHARACTERS,
    "about": ABOUT_CHARACTERS,
    "text": INSIGHT_CHARACTERS,
}


_KINDS = frozenset({"header", "episode", "insight", "note"})


@dataclass(frozen=True, kw_only=True)
class Importer:
    """Who imports: the key, what it may see, and where a line goes that names a scope.

    Attributes:
        place: the whole name of a scope a line names; raises `AccessDenied` for one that is not the key's.
        scope: where all lines go, whatever they name.
        restores: whether lines keep apart whose word they were. For operators: a file can claim anything.
    """

    key: UUID
    scopes: frozenset[str]
    place: Callable[[str], str]
    scope: str | None = None
    restores: bool = False

    def origin(self, said: str) -> str:
        name = f"import:{self.key}"
        return clipped(f"{name}/{said}", 200) if self.restores and said else name

    def provenance(self, tenant: TenantId, line: RecordLine) -> Provenance:
        trust = min(Trust.USER, Trust[line.trust.upper()])
        return Provenance(tenant=tenant, trust=trust, origins=(Origin(kind="import", id=str(self.key)),))


class Importing:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, tenant: TenantId, lines: Iterable[bytes], importer: Importer) -> Imported:
        """Take lines in; what is there already stays as it is, and a bad line stops none of the others.

        Raises:
            InvalidInput: the lines are of another version.
            StorageError: Postgres failed; none of these lines was taken in.
        """
        taken, known, held = Counter[RecordKind](), 0, 0
        errors: list[BadLine] = []
        async with self._database.unit_of_work(tenant, scopes=importer.scopes) as work:
            for number, text in enumerate(lines, 1):
                if not text.strip():
                    continue
                try:
                    line = _parsed(text)
                    if isinstance(line, Header):
                        continue
                    state = await _write(work, line, importer)
                except (Conflict, AccessDenied, _Unreadable) as error:
                    errors.append(BadLine(line=number, message=error.message))
                    continue
                if state is None:
                    known += 1
                else:
                    taken[line.kind] += 1
                    held += state in {"quarantined", "retired"}
        return Imported(imported=dict(taken), known=known, held=held, errors=tuple(errors))


class _Unreadable(InvalidInput):
    """A line that says nothing this version understands."""


def _parsed(text: bytes) -> Header | RecordLine:
    try:
        line = _LINE.validate_python(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise _Unreadable(f"it is not JSON: {error}") from error
    except ValidationError as error:
        raise _Unreadable("; ".join(map(_fault, error.errors()[:3]))) from error
    if isinstance(line, Header) and line.schema_version != SCHEMA_VERSION:
        raise InvalidInput(
            f"this is an export of schema version {line.schema_version}, and this server reads "
            f"{SCHEMA_VERSION}: export it again with a server of this version"
        )
    return line


def _fault(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(step) for step in fault["loc"] if step not in _KINDS)
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])


async def _write(work: UnitOfWork, line: RecordLine, importer: Importer) -> RecordState | None:
    """The state the record came in with; none where it was there."""
    scope = importer.scope or importer.place(_named(line.scope))
    match line:
        case NoteLine():
            return await _write_note(work, line, scope, importer)
        case EpisodeLine():
            return await _write_episode(work, line, scope, importer)
        case InsightLine():
            return await _write_insight(work, line, scope, importer)


def _named(scope: str | None) -> str:
    """Private memory comes to whoever imports it, whose it was at home."""
    if scope is None:
        return TENANT
    return "private" if scope.startswith("private:") else scope


async def _write_note(work: UnitOfWork, line: NoteLine, scope: str, importer: Importer) -> RecordState | None:
    said = (line.thread or "", line.position or 0, str(line.at or ""), line.source, line.text)
    new = NewNote(
        id=RecordId(line.id or derived(work.tenant, "note", scope, *said)),
        scope=scope,
        text=line.text,
        thread=line.thread,
        position=line.position,
        at=line.at,
        source=line.source,
        origin=importer.origin(line.origin),
        provenance=importer.provenance(work.tenant, line),
        expires_at=line.expires_at,
    )
    note, is_new = await notes.add(work, new, at_most=line.state)
    return note.state if is_new else None


async def _write_episode(
    work: UnitOfWork, line: EpisodeLine, scope: str, importer: Importer
) -> RecordState | None:
    provenance = importer.provenance(work.tenant, line)
    texts = {"goal": line.goal, "conclusion": line.conclusion or "", "fail_reason": line.fail_reason or ""}
    texts |= {f"title.{place}": step.title for place, step in enumerate(line.steps)}
    texts |= {f"status.{place}": step.status for place, step in enumerate(line.steps)}
    texts |= {f"key_step.{place}": step for place, step in enumerate(line.key_steps)}
    texts |= {f"target.{place}": action.target for place, action in enumerate(line.actions)}
    verdict = screen(texts, trust=provenance.trust, limits=_LIMITS)
    kept, state = verdict.texts, freest(verdict.state, line.state)
    row = {
        "id": str(line.id),
        "task": str(line.task),
        "scope": scope,
        "goal": kept["goal"],
        "outcome": line.outcome,
        "actions": [
            {"tool": action.tool, "target": kept[f"target.{place}"], "effect": action.effect}
            for place, action in enumerate(line.actions)
        ],
        "steps": [
            {"title": kept[f"title.{place}"], "status": kept[f"status.{place}"]}
            for place in range(len(line.steps))
        ],
        "conclusion": kept["conclusion"] or None,
        "key_steps": [kept[f"key_step.{place}"] for place in range(len(line.key_steps))],
        "fail_reason": kept["fail_reason"] or None,
        "provenance": provenance.model_dump(mode="json"),
        "origin": importer.origin(line.origin),
        "state": state,
        "reasons": verdict.reasons,
        "procedure": list(dict.fromkeys(action.tool for action in line.actions)),
    }
    if not await work.execute(SQL.insert_episode, {"tenant": work.tenant, "row": jsonb(row)}):
        return await _known(work, "episode", line.id)
    await mark_changed(work, "episode", [line.id])
    return state


async def _write_insight(
    work: UnitOfWork, line: InsightLine, scope: str, importer: Importer
) -> RecordState | None:
    """A candidate, whatever it was at home: its worth is yet to be seen here."""
    if (line.form == "procedure") != (line.pattern is not None):
        raise _Unreadable("pattern: a procedure has one, and advice has none")
    provenance = importer.provenance(work.tenant, line)
    texts = {"about": line.about, "text": line.text}
    verdict = screen(texts, trust=provenance.trust, limits=_LIMITS)
    state = freest("candidate", verdict.state, line.state)
    row = {
        "id": str(line.id),
        "form": line.form,
        "scope": scope,
        "about": verdict.texts["about"],
        "text": verdict.texts["text"],
        "pattern": None if line.pattern is None else line.pattern.model_dump(),
        "state": state,
        "provenance": provenance.model_dump(mode="json"),
    }
    if not await work.execute(SQL.insert_insight, {"tenant": work.tenant, "row": jsonb(row)}):
        return await _known(work, "insight", line.id)
    supports = {"supports": list(line.supports), "contradicts": list(line.contradicts)}
    await work.execute(SQL.insert_supports, {"tenant": work.tenant, "insight": line.id, **supports})
    counts = await work.fetch_one(SQL.count_supports, {"insight": line.id})
    assert counts is not None
    if counts["pattern"] is not None:
        pattern = Procedure.model_validate(counts["pattern"])
        text = describe(pattern, supports=counts["supports"], contradictions=counts["contradictions"])
        await work.execute(SQL.describe, {"insight": line.id, "text": text})
    await work.execute(SQL.insert_version, {"insight": line.id})
    await mark_changed(work, "insight", [line.id])
    return state


async def _known(work: UnitOfWork, kind: RecordKind, record: UUID) -> None:
    """Raises `Conflict` where the id stands for something else."""
    row = await work.fetch_one(SQL.was_forgotten, {"id": record})
    if row is not None and row["forgotten"]:
        raise Conflict(f"the {kind} {record} was forgotten here, and stays forgotten")
    query = SQL.episode_here if kind == "episode" else SQL.insight_here
    if await work.fetch_one(query, {"id": record}) is None:
        raise Conflict(f"the {kind} {record} is taken: its id or task names another record here")
