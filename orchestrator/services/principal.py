"""Who asks. Tenant and scopes come from the authenticated key, never from the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core import scopes
from core.errors import AccessDenied
from core.ids import TenantId

Scope = Literal["tasks:read", "tasks:write", "memory:read", "memory:write", "admin"]


@dataclass(frozen=True, kw_only=True)
class Principal:
    tenant: TenantId
    key: UUID
    name: str
    scopes: frozenset[str]
    teams: frozenset[str] = frozenset()

    @property
    def memory_scopes(self) -> frozenset[str]:
        """The memory this principal may see: its tenant's, its teams' and its own."""
        teams = {scopes.team(name) for name in self.teams}
        return frozenset({scopes.TENANT, scopes.private(self.key), *teams})

    def memory_scope(self, name: str) -> str:
        """A scope as this principal wrote it, by its whole name.

        Raises:
            AccessDenied: it is not one of its own; the message says which are.
        """
        whole = scopes.private(self.key) if name == scopes.PRIVATE else name
        if whole not in self.memory_scopes:
            known = ", ".join(sorted({scopes.TENANT, scopes.PRIVATE, *map(scopes.team, self.teams)}))
            raise AccessDenied(
                f"this key has no memory scope {name!r}; it has: {known}", code="no_such_scope"
            )
        return whole

    def require(self, scope: Scope) -> None:
        """Raises `AccessDenied` when the key lacks the scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise AccessDenied(f"this key lacks the scope {scope!r}", code="missing_scope")
