"""Rows of notes, read and written inside a unit of work that has their scopes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from pydantic import TypeAdapter

from core.database import UnitOfWork, jsonb, queries
from core.errors import Conflict
from memory.guard.model import RecordState, freest
from memory.index.outbox import mark_changed
from memory.notes.model import NewNote, Note

SQL = queries.load(__file__)

_NOTES = TypeAdapter(list[Note])


async def add(work: UnitOfWork, new: NewNote, *, at_most: RecordState = "active") -> tuple[Note, bool]:
    """The note as it is kept, and whether it is new; the same again changes nothing.

    Args:
        work: has the note's scope.
        new: what is given.
        at_most: how free it may be, whatever the write gate says.

    Raises:
        Conflict: the id is another record's, or was forgotten.
    """
    note = new.screened()
    note = note.model_copy(update={"state": freest(note.state, at_most)})
    row = {"tenant": work.tenant, "row": jsonb(note.model_dump(mode="json"))}
    if await work.execute(SQL.insert, row):
        await mark_changed(work, "note", [note.id])
        [written] = await notes(work, [note.id], [note.scope])
        return written, True
    earlier = await notes(work, [note.id], [note.scope])
    if earlier and earlier[0].says_the_same(note):
        return earlier[0], False
    raise Conflict(f"the id {new.id} is taken: it names another record here, or one that was forgotten")


async def notes(work: UnitOfWork, ids: Sequence[UUID], scopes: Collection[str]) -> list[Note]:
    """Those of the notes that lie in these scopes, in any state and order; none whose time is over."""
    return _NOTES.validate_python(await work.fetch_all(SQL.notes, {"ids": list(ids), "scopes": list(scopes)}))
