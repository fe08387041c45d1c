"""Artifacts: stored bytes, known upstairs only by a handle (law 1)."""

from __future__ import annotations

import hashlib

from pydantic import JsonValue

from core.database import Row, jsonb, queries
from core.events import Event
from core.ids import ArtifactId, derived
from core.pointer import steps
from core.provenance import Provenance
from orchestrator.turns.lease import Lease

SQL = queries.load(__file__, "artifacts.sql")
HANDLE = "artifact"
"""The one key that marks a JSON object as a handle."""


class NewArtifacts:
    """Artifacts of one turn, each with an id that a repeated turn makes again."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self.rows: list[tuple[bytes, Row]] = []
        self.events: list[Event] = []

    def add(
        self, where: str, *, name: str, media_type: str, content: bytes, provenance: Provenance
    ) -> ArtifactId:
        artifact = ArtifactId(derived(self._lease.agent, "artifact", where))
        self.rows.append(
            (
                SQL.insert,
                {
                    "id": artifact,
                    "tenant": self._lease.tenant,
                    "task": self._lease.task,
                    "agent": self._lease.agent,
                    "name": name,
                    "media_type": media_type,
                    "size": len(content),
                    "sha256": hashlib.sha256(content).digest(),
                    "content": content,
                    "provenance": jsonb(provenance.model_dump(mode="json")),
                },
            )
        )
        self.events.append(
            Event(
                task=self._lease.task,
                agent=self._lease.agent,
                kind="artifact.stored",
                data={
                    "artifact": str(artifact),
                    "name": name,
                    "media_type": media_type,
                    "size": len(content),
                    "tainted": provenance.tainted,
                },
            )
        )
        return artifact


def handle(artifact: ArtifactId, characters: int) -> dict[str, JsonValue]:
    return {HANDLE: str(artifact), "characters": characters}


def place(value: JsonValue, pointer: str, replacement: JsonValue) -> None:
    """Put the replacement where the JSON pointer leads inside `value`."""
    *before, last = steps(pointer)
    for step in before:
        match value:
            case dict():
                value = value[step]
            case list():
                value = value[int(step)]
            case _:
                raise KeyError(pointer)
    match value:
        case dict():
            value[last] = replacement
        case list():
            value[int(last)] = replacement
        case _:
            raise KeyError(pointer)
