"""Who asks. Tenant and scopes come from the authenticated key, never from the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core.errors import AccessDenied
from core.ids import TenantId

Scope = Literal["tasks:read", "tasks:write", "memory:read", "memory:write", "admin"]


@dataclass(frozen=True, kw_only=True)
class Principal:
    tenant: TenantId
    key: UUID
    name: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises `AccessDenied` when the key lacks the scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise AccessDenied(f"this key lacks the scope {scope!r}", code="missing_scope")
