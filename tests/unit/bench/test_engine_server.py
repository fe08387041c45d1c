"""The benchmark's scripted model: everybody is asked for the same number of calls."""

from __future__ import annotations

from typing import Any

import pytest

from bench.engine.server import reply
from bench.engine.workloads import CHAIN, FANOUT, SPAWN, WORKLOADS


def calls_made(system: str, tool: str) -> tuple[int, int]:
    """Model calls until an answer, and tool calls asked for on the way."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": "go"},
    ]
    tools = [{"type": "function", "function": {"name": tool}}]
    asked = 0
    for made in range(1, 1000):
        answer = reply({"messages": messages, "tools": tools})
        asked += len(answer.tool_calls)
        if not answer.tool_calls:
            return made, asked
        messages += [{"role": "assistant", "content": None}]
        messages += [{"role": "tool", "content": "found"} for _ in answer.tool_calls]
    raise AssertionError("it never answers")


@pytest.mark.parametrize("tool", ["lookup", "calculate"])
def test_a_chain_has_as_many_calls_as_it_says(tool: str) -> None:
    assert calls_made("You are a worker. [calls=20]", tool) == (WORKLOADS[CHAIN].model_calls, 19)


@pytest.mark.parametrize("name", [SPAWN, FANOUT])
@pytest.mark.parametrize("tool", ["worker", "task"])
def test_a_lead_calls_its_workers_at_once(name: str, tool: str) -> None:
    workload = WORKLOADS[name]
    made, asked = calls_made(f"You lead. [workers={workload.width}]", tool)
    each, _ = calls_made(f"[calls={workload.calls}]", "lookup")
    assert (made, asked) == (2, workload.width)
    assert made + asked * each == workload.model_calls


def test_our_lead_plans_and_answers() -> None:
    def asked_for(name: str) -> str:
        messages = [{"role": "system", "content": ""}, {"role": "user", "content": "[workers=3] [calls=3]"}]
        wanted = {"json_schema": {"name": name}}
        return reply({"messages": messages, "response_format": wanted}).content or ""

    assert asked_for("plan").count('"title"') == WORKLOADS[SPAWN].width
    assert "paragraphs" in asked_for("answer")
