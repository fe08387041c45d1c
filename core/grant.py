"""Grants: what an agent may spend and touch. A child's grant is never wider than its parent's (laws 5, 6)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Unit = Literal["tokens", "cost", "tool_calls"]
"""What is reserved and settled: tokens (prompt + completion), cost (micro-dollars), tool calls."""

UNITS: tuple[Unit, ...] = ("tokens", "cost", "tool_calls")

Sink = Literal["recipient", "url", "path", "shell", "sql", "amount", "record", "content"]
"""A place where a value can do harm. `record` is what a call changes or deletes, `content` what it tells."""

SINKS: tuple[Sink, ...] = ("recipient", "url", "path", "shell", "sql", "amount", "record", "content")

TaintedSinks = Literal["ask", "refuse"]
"""What happens to a call that takes a value to a sink which is not the user's own."""

ALLOWED_VALUE = rf"^({'|'.join(SINKS)}):.+"
"""A sink and a value that may go there: `recipient:ada@example.org`."""


MOST = 10**15
LONGEST_SECONDS = 366 * 24 * 3600


class Budget(BaseModel):
    """Limits asked for; `None` means no limit of its own, zero means zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(
        default=None, ge=0, le=MOST, description="Prompt and completion tokens, all agents."
    )
    cost: int | None = Field(default=None, ge=0, le=MOST, description="Money in micro-dollars, all agents.")
    tool_calls: int | None = Field(default=None, ge=0, le=MOST, description="Tool calls, all agents.")
    depth: int = Field(default=4, ge=0, le=16, description="Levels of agents below the root.")
    fanout: int = Field(default=8, ge=0, le=1000, description="Children one agent may spawn in all.")
    model_calls: int = Field(default=24, ge=1, le=1000, description="Model calls one agent may make.")
    seconds: float | None = Field(
        default=None, gt=0, le=LONGEST_SECONDS, description="Wall-clock limit of the whole task."
    )

    def amount(self, unit: Unit) -> int | None:
        match unit:
            case "tokens":
                return self.tokens
            case "cost":
                return self.cost
            case "tool_calls":
                return self.tool_calls


class Capabilities(BaseModel):
    """What an agent may touch. Sets are allow-lists; an empty set allows nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: frozenset[str] = frozenset()
    paths: frozenset[str] = Field(
        default=frozenset({"."}), description="Workspace folders or files, relative; '.' is all."
    )
    hosts: frozenset[str] = Field(default=frozenset(), description="Hosts `http_get` may reach.")
    memory: frozenset[str] = Field(default=frozenset(), description="Memory scopes to recall from.")
    memory_write: str | None = Field(
        default=None, description="The memory scope that takes in what is learned; none: nothing is."
    )
    approve: frozenset[str] = Field(
        default=frozenset(),
        description="Tools that ask a person first, beside those that always do.",
    )
    allow: frozenset[str] = Field(
        default=frozenset(), description="Values that may go to a sink unasked: `recipient:ada@example.org`."
    )
    tainted_sinks: TaintedSinks = "ask"

    def attenuate(self, wanted: Capabilities) -> Capabilities:
        """The part of `wanted` that this allows; what needs approval or is refused here, is there too."""
        return Capabilities(
            tools=self.tools & wanted.tools,
            paths=frozenset(path for path in wanted.paths if self.allows_path(path)),
            hosts=self.hosts & wanted.hosts,
            memory=self.memory & wanted.memory,
            memory_write=wanted.memory_write if wanted.memory_write == self.memory_write else None,
            approve=self.approve | wanted.approve,
            allow=self.allow & wanted.allow,
            tainted_sinks=self.tainted_sinks if wanted.tainted_sinks == "ask" else "refuse",
        )

    def allows_path(self, path: str) -> bool:
        """Whether a normalised relative path lies in an allowed folder or is an allowed file."""
        return any(
            allowed == "." or path == allowed or path.startswith(allowed.rstrip("/") + "/")
            for allowed in self.paths
        )


class Grant(BaseModel):
    """Budget and capabilities given at spawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Budget
    capabilities: Capabilities
    deadline: datetime | None = None
