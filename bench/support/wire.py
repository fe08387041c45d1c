"""An answer in the shapes of the chat completions wire: one object, or a sequence of deltas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from bench.support.replies import Answer, Usage

CREATED = 1_700_000_000


def usage_of(answer: Answer, request: dict[str, Any]) -> Usage:
    """The answer's own usage, or about one token for four characters of prompt and answer."""
    if answer.usage is not None:
        return answer.usage
    spoken = (answer.content or "") + "".join(use.arguments for use in answer.tool_calls)
    return Usage(
        prompt_tokens=max(1, len(json.dumps(request.get("messages", []))) // 4),
        completion_tokens=max(1, len(spoken) // 4),
    )


def completion(answer: Answer, request: dict[str, Any], number: int) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.refusal is not None:
        message["refusal"] = answer.refusal
    if answer.reasoning is not None:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [_tool_call(answer, index, number) for index in range(len(answer.tool_calls))]
    body: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": request.get("model", "scripted"),
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
    }
    if answer.report_usage:
        body["usage"] = usage_of(answer, request).as_json()
    return body


def chunks(answer: Answer, request: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """The objects of a streamed reply, in order, the usage chunk last when it was asked for."""
    for delta in _deltas(answer, number):
        yield _chunk(request, number, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(request, number, [{"index": 0, "delta": {}, "finish_reason": answer.finish}])
    options: dict[str, Any] = request.get("stream_options") or {}
    wanted = options.get("include_usage", False)
    if wanted and answer.report_usage:
        yield _chunk(request, number, []) | {"usage": usage_of(answer, request).as_json()}


def frame(item: dict[str, Any] | str) -> bytes:
    """One server-sent event."""
    payload = item if isinstance(item, str) else json.dumps(item)
    return f"data: {payload}\n\n".encode()


def _deltas(answer: Answer, number: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _pieces(answer.reasoning, answer.chunk):
        yield {"reasoning_content": piece}
    for piece in _pieces(answer.content, answer.chunk):
        yield {"content": piece}
    for piece in _pieces(answer.refusal, answer.chunk):
        yield {"refusal": piece}
    for index in range(len(answer.tool_calls)):
        opened = _tool_call(answer, index, number) | {"index": index}
        opened["function"] = {"name": answer.tool_calls[index].name, "arguments": ""}
        yield {"tool_calls": [opened]}
    fragments = [list(_pieces(use.arguments, answer.chunk)) for use in answer.tool_calls]
    for row in zip_longest(*fragments):
        for index, piece in enumerate(row):
            if piece is not None:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _tool_call(answer: Answer, index: int, number: int) -> dict[str, Any]:
    use = answer.tool_calls[index]
    call: dict[str, Any] = {
        "type": "function",
        "function": {"name": use.name, "arguments": use.arguments},
    }
    if use.id is not None:
        call["id"] = f"call_scripted_{number}_{index}" if use.id == "auto" else use.id
    return call


def _pieces(text: str | None, size: int) -> Iterator[str]:
    whole = text or ""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def _chunk(request: dict[str, Any], number: int, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": request.get("model", "scripted"),
        "choices": choices,
    }
