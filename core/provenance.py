"""Where a value came from, and how far it may be trusted (law 7: taint is monotone)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.ids import AgentId, TaskId, TenantId

OriginKind = Literal["user", "operator", "platform", "model", "file", "web", "tool", "memory", "import"]


class Trust(IntEnum):
    """Ordered: a derived value is as trusted as its least trusted source."""

    UNTRUSTED = 0
    """Bytes of a file, a page or a tool that anyone may have written."""
    DERIVED = 1
    """Made by a model that read nothing untrusted."""
    USER = 2
    OPERATOR = 3
    PLATFORM = 4


class Origin(BaseModel):
    """One source: `Origin(kind="file", id="docs/plan.md")`."""

    model_config = ConfigDict(frozen=True)

    kind: OriginKind
    id: str


class Provenance(BaseModel):
    """The envelope every stored value carries; stamped by the platform, never by a caller or a model."""

    model_config = ConfigDict(frozen=True)

    tenant: TenantId
    trust: Trust
    origins: tuple[Origin, ...] = ()
    task: TaskId | None = None
    agent: AgentId | None = None

    @property
    def tainted(self) -> bool:
        return self.trust < Trust.USER

    def derive(self, others: Iterable[Provenance] = (), *, by: Origin | None = None) -> Provenance:
        """What is made from this and the others: the lowest trust, all origins.

        A value made by a model (`by.kind == "model"`) is at most `Trust.DERIVED`.
        """
        sources = (self, *others)
        trust = min(source.trust for source in sources)
        if by is not None and by.kind == "model":
            trust = min(trust, Trust.DERIVED)
        origins = dict.fromkeys(origin for source in sources for origin in source.origins)
        if by is not None:
            origins[by] = None
        return self.model_copy(update={"trust": trust, "origins": tuple(origins)})
