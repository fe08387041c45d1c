"""Requests that may be repeated under a key: the first makes something, the others get the same."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.database import Row, UnitOfWork, queries
from core.errors import Conflict

SQL = queries.load(__file__, "idempotency.sql")


@dataclass(frozen=True, kw_only=True)
class Keyed:
    """A request that carries an `Idempotency-Key`; `digest` is of all it asks."""

    route: str
    key: str
    digest: bytes

    async def earlier(self, work: UnitOfWork) -> UUID | None:
        """What an earlier request with this key made, if any.

        Raises:
            Conflict: that one asked otherwise.
        """
        earlier = await work.fetch_one(SQL.find_key, self._named(work))
        if earlier is None:
            return None
        if bytes(earlier["request_hash"]) != self.digest:
            raise Conflict("this Idempotency-Key was used for another request", code="idempotency_mismatch")
        return earlier["subject_id"]

    async def claim(self, work: UnitOfWork, subject: UUID) -> UUID | None:
        """None when the key is ours now; else what a request that came in between made."""
        claim = {"request_hash": self.digest, "subject": subject}
        if await work.execute(SQL.claim_key, self._named(work) | claim):
            return None
        return await self.earlier(work)

    def _named(self, work: UnitOfWork) -> Row:
        return {"tenant": work.tenant, "route": self.route, "key": self.key}
