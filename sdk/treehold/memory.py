"""Memory, for code that waits: `client.memory`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
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
    def __call__(self, endpoint: Endpoint[R], /) -> R: ...


class Memory:
    """What tasks taught and people noted, as far as the key may see it."""

    def __init__(self, send: Send, lines: Callable[[dict[str, Any]], Iterator[str]]) -> None:
        self._send = send
        self._lines = lines

    def search(
        self,
        query: str,
        *,
        kinds: Collection[MemoryKind] = (),
        scopes: Collection[str] = (),
        limit: int = 10,
    ) -> SearchResult:
        """Records found by meaning and by words, best first; of any kind and scope, unless some are named."""
        return self._send(endpoints.search(query, kinds, scopes, limit))

    def list(
        self, kind: MemoryKind, *, scope: str | None = None, state: str | None = None
    ) -> Iterator[Record]:
        """All records of a kind, newest first, read in pages."""
        cursor: str | None = None
        while True:
            page = self._send(endpoints.page(kind, scope, state, cursor))
            yield from page.data
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    def get(self, kind: MemoryKind, record: RecordRef) -> Record:
        """One record, whole."""
        return self._send(endpoints.get(kind, record))

    def add(self, text: str, **options: Unpack[NoteOptions]) -> Note:
        """Give memory a text to be found again.

        Raises:
            Conflict: the id is another note's, or was forgotten.
        """
        return self._send(endpoints.add(text, options))

    def lineage(self, kind: MemoryKind, record: RecordRef) -> Lineage:
        """What a record rests on, what rests on it, and which tasks were shown it."""
        return self._send(endpoints.lineage(kind, record))

    def lift(self, insight: RecordRef) -> Lift:
        """How much better tasks end that are shown an insight than those it is held out of."""
        return self._send(endpoints.lift(insight))

    def forget(
        self,
        kind: MemoryKind | None = None,
        record: RecordRef | None = None,
        *,
        task: TaskRef | None = None,
        key: UUID | str | None = None,
        before: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Forget a record, or all that came of a task, of a key or before a date, and what was made of it.

        Raises:
            NotFound: there is nothing of it.
            Conflict: the task still runs.
        """
        return self._send(endpoints.forget(kind, record, task, key, before, idempotency_key))

    def receipt(self, receipt: Receipt | UUID | str) -> Receipt:
        """What was forgotten, without its text."""
        return self._send(endpoints.receipt(receipt))

    def verify(self, receipt: Receipt | UUID | str) -> Proof:
        """Have the server look again for what was forgotten, in its tables and in its index."""
        return self._send(endpoints.proof(receipt))

    def export(self, *, kinds: Collection[MemoryKind] = ()) -> Iterator[str]:
        """All records as lines of JSON, a header first, read as they come."""
        return self._lines(endpoints.export(kinds))

    def import_(self, lines: Iterable[bytes | str], *, scope: str | None = None) -> Imported:
        """Take in lines of an export, a piece at a time; bad ones are told by their numbers.

        They go to the scopes they name, or all to the one given. Repeating an import changes nothing.
        """
        return endpoints.together(
            (batch, self._send(batch.endpoint(scope))) for batch in endpoints.batches(lines)
        )
