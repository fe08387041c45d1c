"""The filters of every request to Qdrant; none can be made without a tenant (law 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import orjson

from core.ids import TenantId
from memory.index.fusion import Place
from memory.index.points import storable
from memory.ports import Where

if TYPE_CHECKING:
    from qdrant_client import models as qdrant


def labels_of(payload: Mapping[str, str]) -> list[str]:
    """One string for each entry: one index serves all keys, whatever characters they are made of."""
    return [orjson.dumps(entry).decode() for entry in payload.items()]


def of_tenant(tenant: TenantId, where: Where | None, ids: Sequence[UUID] | None = None) -> qdrant.Filter:
    """What is the tenant's, and is asked for."""
    from qdrant_client import models

    def equals(field: str, value: str) -> qdrant.FieldCondition:
        return models.FieldCondition(key=field, match=models.MatchValue(value=value))

    must: list[qdrant.Condition] = [equals("tenant", str(tenant))]
    for key, allowed in (where or {}).items():
        values = [allowed] if isinstance(allowed, str) else allowed
        found = [label for value in values for label in labels_of(storable({key: value}))]
        must.append(models.FieldCondition(key="labels", match=models.MatchAny(any=found)))
    if ids is not None:
        must.append(models.HasIdCondition(has_id=[str(uuid5(tenant, str(one))) for one in ids]))
    return models.Filter(must=must)


def at_places(chosen: qdrant.Filter, places: Sequence[Place]) -> qdrant.Filter:
    """Only what stands at one of these places."""
    from qdrant_client import models

    def one_of(key: str, values: Sequence[str]) -> qdrant.FieldCondition:
        found = [label for value in values for label in labels_of({key: value})]
        return models.FieldCondition(key="labels", match=models.MatchAny(any=found))

    threads: dict[str, list[str]] = {}
    for thread, position in places:
        threads.setdefault(thread, []).append(str(position))
    anywhere: list[qdrant.Condition] = [
        models.Filter(must=[one_of("thread", [thread]), one_of("position", positions)])
        for thread, positions in threads.items()
    ]
    return models.Filter(must=[chosen, models.Filter(should=anywhere)])
