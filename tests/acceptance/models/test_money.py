"""Tokens and money: what the node counted is what is shown, and no budget is passed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from bench.support.replies import Answer, Usage
from bench.support.small_model import Asked, Fault, Twist
from bench.support.wire import usage_of
from tests.acceptance.models.site import COMPLETION_PRICE, PROMPT_PRICE, Outcome, Site
from treehold import Budget

GOAL = "How are backups kept and restored? Count it."
COUNTED = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=640)


def counted(asked: Asked, good: Answer) -> Answer:
    return Answer(content=good.content, tool_calls=good.tool_calls, usage=COUNTED, chunk=64)


def uncounted(asked: Asked, good: Answer) -> Answer:
    return Answer(content=good.content, tool_calls=good.tool_calls, report_usage=False, chunk=64)


def everywhere(task: str, twist: Twist) -> Fault:
    return Fault(task=task, at={"plan", "act", "report", "return", "answer"}, reply=twist)


async def test_usage_and_price_are_what_the_node_said(site: Site, workspace: Path) -> None:
    site.model.faults.append(everywhere(GOAL, counted))
    outcome = await site.run(GOAL, workspace=workspace)
    usage, calls = outcome.tree.task.usage, len(outcome.requests)
    assert (usage.prompt_tokens, usage.completion_tokens) == (1000 * calls, 100 * calls)
    assert (usage.cached_tokens, usage.model_calls) == (640 * calls, calls)
    price = math.ceil(1000 * PROMPT_PRICE + 100 * COMPLETION_PRICE)
    assert usage.cost == price * calls
    assert sum(agent.usage.cost for agent in outcome.tree.agents) == usage.cost
    assert [event.data["cost"] for event in outcome.of_kind("model.finished")] == [price] * calls


async def test_usage_the_node_does_not_count_counts_whole(site: Site, workspace: Path) -> None:
    """Law 5: what cannot be read settles at the full reservation, and is shown as what it is."""
    goal = "How are backups kept and restored? Count nothing."
    site.model.faults.append(everywhere(goal, uncounted))
    outcome = await site.run(goal, workspace=workspace)
    reserved = sum(int(str(event.data["reserved_tokens"])) for event in outcome.of_kind("model.started"))
    assert outcome.tree.task.status == "done"
    assert all(event.data["estimated"] for event in outcome.of_kind("model.finished"))
    assert outcome.tree.task.usage.tokens == reserved > 0
    assert await spent(site, outcome) == reserved


@pytest.mark.parametrize("tokens", [0, 300, 4_000, 9_000, 14_000, 20_000, 40_000])
async def test_a_small_budget_is_never_passed(site: Site, workspace: Path, tokens: int) -> None:
    goal = f"How are backups kept and restored? With {tokens} tokens."
    outcome = await site.run(goal, workspace=workspace, budget=Budget(tokens=tokens))
    task = outcome.tree.task
    used = [usage_of(_spoken(site, asked), asked.request) for asked in outcome.requests]
    really = sum(usage.prompt_tokens + usage.completion_tokens for usage in used)
    assert really <= await spent(site, outcome) <= tokens
    if task.status == "failed":
        assert (task.stop_reason, task.answer) == ("tokens", None)
    else:
        assert task.answer is not None
        assert task.answer.partial == bool(
            outcome.worker_errors() or "tokens limit" in str(task.answer.notes)
        )


async def test_without_tokens_nothing_is_asked(site: Site, workspace: Path) -> None:
    outcome = await site.run("How are backups kept? For free.", workspace=workspace, budget=Budget(tokens=0))
    assert outcome.requests == []
    assert outcome.tree.task.stop_reason == "tokens"


async def test_a_budget_of_money_is_kept(site: Site, workspace: Path) -> None:
    goal = "How are backups kept and restored? For a hundredth of a cent."
    outcome = await site.run(goal, workspace=workspace, budget=Budget(cost=100))
    assert outcome.tree.task.stop_reason == "cost"
    assert outcome.requests == []


def _spoken(site: Site, asked: Asked) -> Answer:
    reply = site.model(json.loads(json.dumps(asked.request)))
    assert isinstance(reply, Answer)
    return reply


async def spent(site: Site, outcome: Outcome) -> int:
    """What the ledger of the task says, after what must hold for every one of its accounts."""
    cursor = await site.admin.execute(
        "SELECT a.depth, b.granted, b.reserved, b.delegated, b.spent FROM budget b "
        "JOIN agent a ON a.id = b.agent_id WHERE a.task_id = %s AND b.unit = 'tokens' ORDER BY a.depth",
        [outcome.tree.task.id],
    )
    accounts = await cursor.fetchall()
    for _, granted, reserved, delegated, used in accounts:
        assert reserved == delegated == 0
        assert granted is None or used <= granted
    return int(accounts[0][4])
