"""What a tool declares, what it is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.grant import Capabilities, Sink
from core.provenance import Origin, Trust
from tools.workspace import Workspace

Privilege = Literal["query", "command"]
Effect = Literal["pure", "keyed", "unsafe"]

SINK = "x-sink"
"""The keyword by which a schema says that an argument, or a part of one, goes to a sink."""


def at_sink(sink: Sink) -> Any:
    """Marks an argument, or a part of one, by its annotation; it then needs no entry in `sinks`."""
    return Field(json_schema_extra={SINK: sink})


class Arguments(BaseModel):
    """Base of every tool's arguments: closed, and strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """A tool as the platform and the model know it. What is not declared is assumed to be dangerous."""

    name: str
    description: str
    """One line, written for a small model."""
    arguments: type[BaseModel]
    privilege: Privilege = "command"
    """`query` reads, or keeps for its own task; `command` may change more. Never taken from a model."""
    effect: Effect = "unsafe"
    """`pure`: repeat at will; `keyed`: safe to repeat with the same key; `unsafe`: at most once."""
    approval: bool = False
    """Whether a person must approve each call, whoever makes it."""
    external: bool = False
    """Whether it reaches outside this machine; it is only offered where the grant names hosts."""
    sinks: Mapping[str, Sink] = field(default_factory=dict[str, Sink])
    """Sensitive arguments by name, beside those that their schema marks (`at_sink`)."""
    output_schema: Mapping[str, JsonValue] | None = None
    """Set where `data` is typed by the tool itself, and so can cross without a worker reading it."""
    seconds: float = 60.0
    """Wall-clock limit of one call."""

    @cached_property
    def parameters(self) -> dict[str, JsonValue]:
        """JSON Schema of the arguments as a model is shown it: without titles and sinks."""
        return cast(dict[str, JsonValue], _shown(self.arguments.model_json_schema()))

    @cached_property
    def declared(self) -> dict[str, Any]:
        """JSON Schema of the arguments with their sinks."""
        return self.arguments.model_json_schema()


@dataclass(frozen=True, kw_only=True)
class ToolLimits:
    characters: int = 16_000
    """The longest `content` of a result."""


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """What one call may use. The broker narrows the workspace to the capabilities before the tool sees it."""

    capabilities: Capabilities
    workspace: Workspace | None = None
    idempotency_key: str = ""
    limits: ToolLimits = field(default_factory=ToolLimits)


@dataclass(frozen=True, kw_only=True)
class NewArtifact:
    """Bytes the platform is to store; whoever made them only ever holds a handle."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a call came to.

    Attributes:
        content: what the agent that called reads; bounded, with line numbers and how to read on.
        data: a typed projection of the same.
        origins: where the content came from, such as the files read.
        trust: how far it may be trusted; untrusted unless the tool knows better.
        artifacts: bytes to store.
        after: seconds until the agent gets it, waiting as a row; only of a pure tool, which runs again then.
    """

    content: str
    data: JsonValue = None
    origins: Sequence[Origin] = ()
    trust: Trust = Trust.UNTRUSTED
    artifacts: tuple[NewArtifact, ...] = ()
    after: float = 0.0


def _shown(value: object, *, in_properties: bool = False) -> object:
    if isinstance(value, list):
        return [_shown(part) for part in cast(list[object], value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _shown(part, in_properties=key == "properties" and not in_properties)
        for key, part in cast(dict[str, object], value).items()
        if in_properties or key not in {"title", SINK}
    }
