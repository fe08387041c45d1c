"""Memory: what tasks taught and people noted; searched, shown, added to, forgotten, carried out and in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from api.auth import Caller, Services, authenticate
from api.body import json_object
from api.routes.responses import errors
from api.routes.tasks import IdempotencyKey
from core.errors import InvalidInput
from memory.catalogue import Lineage, NoteRecord, Record
from memory.forgetting import Proof, Receipt, Wanted
from memory.guard.model import RecordKind, RecordState
from memory.insight_graph.lift import Lift
from memory.search import SearchResult
from memory.transfer import Imported
from orchestrator.services.memory_views import GivenNote
from orchestrator.services.views import Page, ScopeName

router = APIRouter(prefix="/v1/memory", tags=["memory"], dependencies=[Depends(authenticate)])

LINES = "application/x-ndjson"
MOST_LINES = 1000
"""Of one import; larger files come in several requests."""

_PLURALS: dict[str, RecordKind] = {"episodes": "episode", "insights": "insight", "notes": "note"}
Kinds = Literal["episodes", "insights", "notes"]
KindsAsked = Annotated[list[RecordKind] | None, Query(max_length=3, description="Unset: all three.")]
ScopeAsked = Annotated[ScopeName | None, Query(description="Only there; `private` is the key's own.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of a page.")]

_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A header, and then a line of JSON for each record.",
        "content": {LINES: {"schema": {"type": "string"}}},
    }
}
_LINES_BODY = {"requestBody": {"required": True, "content": {LINES: {"schema": {"type": "string"}}}}}


@router.get("/search", responses=errors(422))
async def search_memory(
    caller: Caller,
    services: Services,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="What is looked for.")],
    kind: KindsAsked = None,
    scope: Annotated[
        list[ScopeName] | None, Query(max_length=50, description="Unset: all you may see.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> SearchResult:
    """Find records by meaning and by words, best first. What the guard holds back stands apart, with why."""
    kinds = tuple(dict.fromkeys(kind or _PLURALS.values()))
    return await services.memories.search(caller, q, kinds=kinds, scopes=scope or (), limit=limit)


@router.get("/export", response_class=Response, responses=errors(422) | _EXPORTED)
async def export_memory(caller: Caller, services: Services, kind: KindsAsked = None) -> Response:
    """All that this key may see, as lines of JSON; docs/memory.md has the fields."""
    lines = services.memories.export(caller, tuple(dict.fromkeys(kind or _PLURALS.values())))
    first = await anext(lines)

    async def whole() -> AsyncIterator[bytes]:
        async with aclosing(lines):
            yield first
            async for line in lines:
                yield line

    return StreamingResponse(whole(), media_type=LINES)


@router.post("/import", responses=errors(413, 415, 422), openapi_extra=_LINES_BODY)
async def import_memory(
    request: Request, caller: Caller, services: Services, scope: ScopeAsked = None
) -> Imported:
    """Take in lines of an export, a thousand at most. What is here already stays as it is.

    Lines go where they say, or to the scope named. Bad ones are told by their numbers and stop no others.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != LINES:
        raise HTTPException(415, f"Send lines of JSON, with the header Content-Type: {LINES}.")
    lines = (await request.body()).split(b"\n")
    if len(lines) > MOST_LINES + 1:
        raise InvalidInput(f"an import takes {MOST_LINES:,} lines at a time: send the others after these")
    return await services.memories.take(caller, lines, scope=scope)


@router.post("/forget", dependencies=[Depends(json_object)], responses=errors(404, 409, 413, 415, 422))
async def forget_memory(
    wanted: Wanted, caller: Caller, services: Services, idempotency_key: IdempotencyKey = None
) -> Receipt:
    """Forget a record, or all that came of a task, of a key or before a date, and what was made of it.

    It is gone for good when this answers; the receipt keeps no text. Repeated with the same key, it answers
    with the same receipt.
    """
    return await services.memories.forget(caller, wanted, idempotency_key=idempotency_key)


@router.get("/forgotten/{receipt}", responses=errors(404))
async def get_receipt(receipt: UUID, caller: Caller, services: Services) -> Receipt:
    """The receipt of what was forgotten."""
    return await services.memories.receipt(caller, receipt)


@router.get("/forgotten/{receipt}/proof", responses=errors(404))
async def prove_forgotten(receipt: UUID, caller: Caller, services: Services) -> Proof:
    """Look again, in the tables, the lineage of others and the index, for what was forgotten."""
    return await services.memories.verify(caller, receipt)


@router.post(
    "/notes",
    status_code=status.HTTP_201_CREATED,
    response_model=NoteRecord,
    dependencies=[Depends(json_object)],
    responses=errors(409, 413, 415, 422)
    | {200: {"model": NoteRecord, "description": "It was there already."}},
)
async def add_note(given: GivenNote, caller: Caller, services: Services, response: Response) -> NoteRecord:
    """Give memory a text to be found again. With an id of your own, repeating it changes nothing."""
    added = await services.memories.add(caller, given)
    if added.replayed:
        response.status_code = status.HTTP_200_OK
    return added.note


@router.get("/episodes", responses=errors(422))
async def list_episodes(
    caller: Caller,
    services: Services,
    scope: ScopeAsked = None,
    state: RecordState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Record]:
    """Finished tasks as memory keeps them, newest first."""
    return await services.memories.records(
        caller, "episode", scope=scope, state=state, limit=limit, cursor=cursor
    )


@router.get("/insights", responses=errors(422))
async def list_insights(
    caller: Caller,
    services: Services,
    scope: ScopeAsked = None,
    state: RecordState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Record]:
    """Generalisations over episodes, newest first."""
    return await services.memories.records(
        caller, "insight", scope=scope, state=state, limit=limit, cursor=cursor
    )


@router.get("/notes", responses=errors(422))
async def list_notes(
    caller: Caller,
    services: Services,
    scope: ScopeAsked = None,
    state: RecordState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Record]:
    """Texts that people and imports gave, newest first."""
    return await services.memories.records(
        caller, "note", scope=scope, state=state, limit=limit, cursor=cursor
    )


@router.get("/insights/{record}/lift", responses=errors(404))
async def get_lift(record: UUID, caller: Caller, services: Services) -> Lift:
    """How much better tasks end that were shown an insight than those it was held out of; its interval."""
    return await services.memories.lift(caller, record)


@router.get("/{kinds}/{record}", responses=errors(404))
async def get_record(kinds: Kinds, record: UUID, caller: Caller, services: Services) -> Record:
    """One record, whole."""
    return await services.memories.record(caller, _PLURALS[kinds], record)


@router.get("/{kinds}/{record}/lineage", responses=errors(404))
async def get_lineage(kinds: Kinds, record: UUID, caller: Caller, services: Services) -> Lineage:
    """What a record rests on, what rests on it, and which tasks were shown it."""
    return await services.memories.lineage(caller, _PLURALS[kinds], record)
