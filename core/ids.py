"""Typed identifiers and the source that makes them."""

from __future__ import annotations

import os
import time
from typing import NewType, Protocol
from uuid import UUID, uuid5

TenantId = NewType("TenantId", UUID)
TaskId = NewType("TaskId", UUID)
AgentId = NewType("AgentId", UUID)
CallId = NewType("CallId", UUID)
ApprovalId = NewType("ApprovalId", UUID)
ArtifactId = NewType("ArtifactId", UUID)
NodeId = NewType("NodeId", UUID)
MessageId = NewType("MessageId", UUID)
RecordId = NewType("RecordId", UUID)
"""A memory record: an episode or an insight."""

DEFAULT_TENANT = TenantId(UUID("00000000-0000-7000-8000-000000000001"))
"""The tenant an embedded server works for."""


class IdSource(Protocol):
    """Where new identifiers come from; injected, so that tests can fix them."""

    def new(self) -> UUID: ...


class TimeOrderedIds:
    """UUID version 7 (RFC 9562 §5.7): time-ordered, so indexes grow at their right edge."""

    def new(self) -> UUID:
        milliseconds = time.time_ns() // 1_000_000
        random = int.from_bytes(os.urandom(10))
        value = (milliseconds & ((1 << 48) - 1)) << 80
        value |= 0x7 << 76
        value |= (random >> 68 & 0xFFF) << 64
        value |= 0b10 << 62
        value |= random & ((1 << 62) - 1)
        return UUID(int=value)


def derived(parent: UUID, *parts: str | int) -> UUID:
    """The same id for the same parent and parts: what makes a repeated turn spawn nothing twice."""
    return uuid5(parent, "/".join(str(part) for part in parts))
