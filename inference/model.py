"""What is asked of a model and what it answers: values that survive a round trip through JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Role = Literal["system", "user", "assistant", "tool"]

FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "refusal"]

NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolCall(_Value):
    """A call the model wants made; `arguments` is its text, not yet parsed or trusted."""

    id: str
    name: str
    arguments: str


class Message(_Value):
    """One message of the prompt. `tool_call_id` belongs to role `tool`, `tool_calls` to `assistant`."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class ToolDefinition(_Value):
    """A tool the model may call; `parameters` is a JSON Schema of an object."""

    name: str = Field(pattern=NAME_PATTERN)
    description: str = ""
    parameters: dict[str, JsonValue]


class ModelRequest(_Value):
    """One question to a model.

    `kind` says what the call is for (plan, act, return, answer); it and `metadata` are for us and the
    offline model, and are never sent to a node. `tool_choice` is auto, none, required, or one tool's name.
    """

    kind: str
    messages: tuple[Message, ...]
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str | None = None
    output_schema: dict[str, JsonValue] | None = Field(
        default=None, description="JSON Schema (2020-12) the whole reply must fit."
    )
    output_name: str = Field(default="output", pattern=NAME_PATTERN)
    max_tokens: int = Field(default=1024, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    seed: int | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    def canonical(self) -> dict[str, JsonValue]:
        """The request as plain JSON, every field present."""
        return self.model_dump(mode="json")


class Usage(_Value):
    """Tokens a call used. `known` is false when the node did not say for every part of the call."""

    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0, description="Part of the prompt read from a cache.")
    known: bool = True

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            known=self.known and other.known,
        )


NO_USAGE = Usage()
UNKNOWN_USAGE = Usage(known=False)


class ModelReply(_Value):
    """A finished answer. The gateway, not the provider, fills cost, `priced`, `attempts` and `output`."""

    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = "stop"
    usage: Usage = UNKNOWN_USAGE
    cost_micros: int = Field(default=0, ge=0, description="Micro-dollars; 0 when the price is not known.")
    priced: bool = Field(default=True, description="Whether `cost_micros` rests on a known price.")
    model: str = Field(default="", description="The name the node answered under.")
    first_token_seconds: float | None = None
    attempts: int = Field(default=1, ge=1, description="Calls made to the node, failed ones included.")
    output: JsonValue = Field(
        default=None, description="The parsed answer when `output_schema` was given; `content` is its JSON."
    )


class ModelDescription(_Value):
    """Which model answers. `offline` says that rules, not a language model, made the text."""

    name: str
    provider: str
    offline: bool = False
    base_url: str | None = None


class ModelHealth(_Value):
    """What a look at the node found. `reachable` is None when looking would cost tokens."""

    reachable: bool | None
    detail: str
    models: tuple[str, ...] = ()
    seconds: float | None = None
