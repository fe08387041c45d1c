"""Memory scopes: who may see a record. `tenant` for all of a tenant, `team:NAME`, `private:KEY`."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import UUID

from core.errors import InvalidInput

TENANT = "tenant"
PRIVATE = "private"
"""What a caller writes for its own private scope, whose whole name holds the id of its key."""

EVERY = frozenset({"*"})
"""All scopes of a tenant. For what the platform does by itself: never given to a principal or an agent."""

TEAM_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"

_TEAM = re.compile(TEAM_PATTERN)
_SAFE = re.compile(r"[A-Za-z0-9:._*-]{1,100}")


def team(name: str) -> str:
    """Raises `InvalidInput` for what is no name of a team."""
    if not _TEAM.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name for a team: letters, digits, '.', '_' and '-', 63 at most, no mark in front"
        )
    return f"team:{name}"


def private(key: UUID) -> str:
    return f"private:{key}"


def listed(scopes: Collection[str]) -> str:
    """As the database reads them. Raises `InvalidInput` for what can be no scope."""
    for scope in scopes:
        if not _SAFE.fullmatch(scope):
            raise InvalidInput(f"{scope!r} is no memory scope")
    return " ".join(sorted(scopes))
