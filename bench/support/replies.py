"""What a scripted node answers with: one frozen value per kind of reply, good or broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

RESPONSE_FORMAT_REJECTED = "response_format of type json_schema is not supported by this node"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Token counts reported with a reply; counted from the text when a reply leaves them out."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """One tool call; `arguments` is sent verbatim, so it may be broken on purpose."""

    name: str
    arguments: str = "{}"
    id: str | None = "auto"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A completed choice: text, tool calls, a refusal, or any mixture.

    `chunk` is how many characters one streamed delta carries; `delay` seconds pass before the first byte;
    `pause` seconds pass before each later delta.
    """

    content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolUse, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    report_usage: bool = True
    chunk: int = 12
    delay: float = 0.0
    pause: float = 0.0

    @property
    def finish(self) -> str:
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


@dataclass(frozen=True, kw_only=True)
class HttpError:
    """An error status with an OpenAI-shaped body."""

    status: int
    message: str = "scripted error"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class CutStream:
    """Starts the answer, sends `deltas` deltas, then drops the connection; `clean` ends it politely."""

    answer: Answer
    deltas: int = 1
    clean: bool = False


@dataclass(frozen=True, kw_only=True)
class Hang:
    """Sends `deltas` deltas of the answer (0: no status line either), then waits for the client to leave."""

    answer: Answer = field(default_factory=Answer)
    deltas: int = 0


@dataclass(frozen=True, kw_only=True)
class RawBody:
    """Any bytes with status 200: malformed SSE, HTML, garbage."""

    body: bytes
    content_type: str = "text/event-stream"


@dataclass(frozen=True, kw_only=True)
class StreamError:
    """An error object inside the stream, as vLLM sends when it fails after the headers."""

    message: str = "scripted failure inside the stream"
    code: int = 500


Reply = Answer | HttpError | CutStream | Hang | RawBody | StreamError


def text(content: str, *, usage: Usage | None = None) -> Answer:
    return Answer(content=content, usage=usage)


def calls(*uses: ToolUse) -> Answer:
    return Answer(tool_calls=uses)


def refusal(message: str) -> Answer:
    return Answer(refusal=message)


def rate_limited(retry_after: str | None = None) -> HttpError:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return HttpError(status=429, message="slow down", code="rate_limit_exceeded", headers=headers)


def response_format_rejected(status: int = 400) -> HttpError:
    return HttpError(status=status, message=RESPONSE_FORMAT_REJECTED)
