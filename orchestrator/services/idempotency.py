"""Idempotency keys: the same key and request again give what the first one made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue

from core.database import Row, UnitOfWork, jsonb, queries
from core.errors import Conflict

SQL = queries.load(__file__, "idempotency.sql")


@dataclass(frozen=True, kw_only=True)
class KeyedRequest:
    """A request that came with an idempotency key, on one route."""

    route: str
    key: str
    asked: JsonValue

    async def earlier(self, work: UnitOfWork) -> UUID | None:
        """What an earlier request with this key made, if any. Raises `Conflict` where it asked otherwise."""
        found = await work.fetch_one(SQL.find_key, self._named(work))
        if found is None:
            return None
        if bytes(found["request_hash"]) != self._digest():
            raise Conflict("this Idempotency-Key was used for another request", code="idempotency_mismatch")
        return found["subject_id"]

    async def claim(self, work: UnitOfWork, subject: UUID) -> UUID | None:
        """None when the key is ours now; else what a request made that came in between."""
        row = self._named(work) | {"request_hash": self._digest(), "subject": subject}
        return None if await work.execute(SQL.claim_key, row) else await self.earlier(work)

    def _named(self, work: UnitOfWork) -> Row:
        return {"tenant": work.tenant, "route": self.route, "key": self.key}

    def _digest(self) -> bytes:
        return hashlib.sha256(jsonb(self.asked).encode()).digest()
