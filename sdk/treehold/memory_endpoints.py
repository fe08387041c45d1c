"""One request per operation on memory. Both clients send these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

from pydantic import RootModel

from treehold.endpoints import Endpoint, TaskRef, identifier, reads, task_id
from treehold.memory_models import (
    BadLine,
    Imported,
    Judged,
    Lift,
    Lineage,
    MemoryKind,
    Note,
    Proof,
    Receipt,
    Record,
    SearchResult,
)
from treehold.models import Page

PAGE = 100
LINES = 500
BYTES = 1 << 19
"""Of one request of an import; the server takes twice as much."""


class One(RootModel[Record]):
    """A record of whatever kind."""


RecordRef = Record | UUID | str
"""A record, or its id."""


class NoteOptions(TypedDict, total=False):
    """What a note may say beside its text.

    `scope` is `tenant`, `team:NAME` or `private`; `thread` and `position` say where it stood among others,
    `at` when it was said, `source` where it is from; `expires_at` is when it is to be forgotten. With an `id`
    of your own, the same note can be given twice.
    """

    id: UUID | str
    scope: str
    thread: str
    position: int
    at: datetime
    source: str
    expires_at: datetime


def search(
    query: str, kinds: Collection[MemoryKind], scopes: Collection[str], limit: int
) -> Endpoint[SearchResult]:
    params: dict[str, Any] = {"q": query, "limit": limit}
    if kinds:
        params["kind"] = list(kinds)
    if scopes:
        params["scope"] = list(scopes)
    return Endpoint(path="/v1/memory/search", params=params, read=reads(SearchResult))


def page(
    kind: MemoryKind, scope: str | None, state: str | None, cursor: str | None
) -> Endpoint[Page[Record]]:
    asked = {"limit": PAGE, "scope": scope, "state": state, "cursor": cursor}
    params = {name: value for name, value in asked.items() if value is not None}
    return Endpoint(path=f"/v1/memory/{kind}s", params=params, read=reads(Page[Record]))


def get(kind: MemoryKind, record: RecordRef) -> Endpoint[Record]:
    one = reads(One)
    return Endpoint(path=_path(kind, record), read=lambda response: one(response).root)


def lineage(kind: MemoryKind, record: RecordRef) -> Endpoint[Lineage]:
    return Endpoint(path=f"{_path(kind, record)}/lineage", read=reads(Lineage))


def lift(insight: RecordRef) -> Endpoint[Lift]:
    return Endpoint(path=f"{_path('insight', insight)}/lift", read=reads(Lift))


def judge(task: TaskRef, score: float, note: str | None) -> Endpoint[Judged]:
    body = {"score": score} | ({} if note is None else {"note": note})
    return Endpoint(method="POST", path=f"/v1/tasks/{task_id(task)}/feedback", json=body, read=reads(Judged))


def add(text: str, options: NoteOptions) -> Endpoint[Note]:
    said = {name: _said(value) for name, value in options.items()}
    body = {"id": str(uuid4()), **said, "text": text}
    return Endpoint(method="POST", path="/v1/memory/notes", json=body, read=reads(Note))


def forget(
    kind: MemoryKind | None,
    record: RecordRef | None,
    task: TaskRef | None,
    key: UUID | str | None,
    before: datetime | None,
    idempotency_key: str | None,
) -> Endpoint[Receipt]:
    asked = {
        "kind": kind,
        "id": None if record is None else _record_id(record),
        "task": None if task is None else task_id(task),
        "key": None if key is None else identifier(key),
        "before": None if before is None else _said(before),
    }
    return Endpoint(
        method="POST",
        path="/v1/memory/forget",
        json={name: value for name, value in asked.items() if value is not None},
        headers={"Idempotency-Key": idempotency_key or uuid4().hex},
        read=reads(Receipt),
    )


def receipt(name: Receipt | UUID | str) -> Endpoint[Receipt]:
    return Endpoint(path=_receipt_path(name), read=reads(Receipt))


def proof(name: Receipt | UUID | str) -> Endpoint[Proof]:
    return Endpoint(path=f"{_receipt_path(name)}/proof", read=reads(Proof))


def export(kinds: Collection[MemoryKind]) -> dict[str, Any]:
    """Arguments for a stream of an httpx client."""
    return {"method": "GET", "url": "/v1/memory/export", "params": {"kind": list(kinds)} if kinds else {}}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Lines of one request; `before` is how many came before them."""

    before: int
    content: bytes

    def endpoint(self, scope: str | None) -> Endpoint[Imported]:
        return Endpoint(
            method="POST",
            path="/v1/memory/import",
            params={} if scope is None else {"scope": scope},
            headers={"Content-Type": "application/x-ndjson"},
            content=self.content,
            read=reads(Imported),
        )


def batches(lines: Iterable[bytes | str]) -> Iterator[Batch]:
    """The lines in pieces that one request can carry, read as they are sent."""
    taken: list[bytes] = []
    before = size = 0
    for each in lines:
        line = (each.encode() if isinstance(each, str) else each).rstrip(b"\r\n")
        if taken and (len(taken) == LINES or size + len(line) > BYTES):
            yield Batch(before=before, content=b"\n".join(taken))
            before, taken, size = before + len(taken), [], 0
        taken.append(line)
        size += len(line) + 1
    if taken:
        yield Batch(before=before, content=b"\n".join(taken))


def together(reports: Iterable[tuple[Batch, Imported]]) -> Imported:
    """One report, with the numbers the lines have in the whole."""
    imported: dict[str, int] = {}
    known = held = 0
    errors: list[BadLine] = []
    for batch, report in reports:
        for kind, count in report.imported.items():
            imported[kind] = imported.get(kind, 0) + count
        known, held = known + report.known, held + report.held
        errors += [BadLine(line=batch.before + bad.line, message=bad.message) for bad in report.errors]
    return Imported(imported=imported, known=known, held=held, errors=tuple(errors))


def _path(kind: MemoryKind, record: RecordRef) -> str:
    return f"/v1/memory/{kind}s/{_record_id(record)}"


def _record_id(record: RecordRef) -> str:
    return identifier(record if isinstance(record, UUID | str) else record.id)


def _receipt_path(name: Receipt | UUID | str) -> str:
    return f"/v1/memory/forgotten/{identifier(name.id if isinstance(name, Receipt) else name)}"


def _said(value: object) -> object:
    match value:
        case datetime():
            return (value if value.tzinfo else value.astimezone()).isoformat()
        case UUID():
            return str(value)
        case _:
            return value
