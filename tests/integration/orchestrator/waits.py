"""A tool with an effect that counts, and a tree of agents in which one grandchild uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from bench.support.engine import Harness, Script
from bench.support.scripts import ALLOWED, NOTHING_FOUND, answer_of, calls, plan_of, says
from core.blocks import read_blocks
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from orchestrator.engine.engine import Claimed
from orchestrator.services.views import AgentView, ApprovalView, Decision
from tools import ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments, Effect, Sink

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
OVERDUE = "UPDATE approval SET expires_at = now() - interval '1 second'"
RUNG = "UPDATE agent SET wake_at = now() - interval '1 second' WHERE waiting_on = 'timer'"
ASKER = "left leaf"


class Died(BaseException):
    """Where a process would have ended: nothing is written behind it."""


class Post(Arguments):
    entry: str


class Outside:
    """A tool that has its effect; its worker may die before it can say so.

    Attributes:
        posted: what arrived, with the key it came under.
        dying: how many of the next calls end their worker.
    """

    def __init__(
        self,
        effect: Effect = "unsafe",
        *,
        approval: bool = False,
        sinks: dict[str, Sink] | None = None,
        hangs: bool = False,
    ) -> None:
        self.spec = ToolSpec(
            name="post",
            description="Post an entry.",
            arguments=Post,
            effect=effect,
            approval=approval,
            sinks=sinks or {},
            seconds=0.01 if hangs else 60.0,
        )
        self._hangs = hangs
        self.posted: list[tuple[str, str]] = []
        self.dying = 0

    @property
    def entries(self) -> list[str]:
        return [entry for entry, _ in self.posted]

    async def run(self, arguments: Post, context: ToolContext) -> ToolResult:
        self.posted.append((arguments.entry, context.idempotency_key))
        if self.dying:
            self.dying -= 1
            raise Died
        if self._hangs:
            await asyncio.Event().wait()
        return ToolResult(content=f"posted {arguments.entry}")


def question_of(request: ModelRequest) -> str:
    return str(read_blocks(request.messages[1].content)["question"])


def family(told: list[str], use: Callable[[], ModelReply] | None = None) -> Script:
    """Two leads with two workers each; the worker `ASKER` posts once, and `told` gets what it reads of it."""

    def script(request: ModelRequest) -> ModelReply:
        question = question_of(request)
        match request.kind:
            case "plan" if question.startswith("look into"):
                side = question.removeprefix("look into ")
                return plan_of(f"{side} leaf", f"{side} twig")
            case "plan":
                return plan_of("left", "right", split=2)
            case "act" if request.messages[-1].role == "tool":
                told.append(request.messages[-1].content)
                return says(NOTHING_FOUND)
            case "act" if question == f"look into {ASKER}":
                return calls("post", entry="one") if use is None else use()
            case "act" | "return":
                return says(NOTHING_FOUND)
            case "select":
                return says({"status": "not_found", "cites": []})
            case "validate":
                return says(ALLOWED)
            case _:
                return answer_of("all parts are in")

    return script


def poster(told: list[str], use: Callable[[], ModelReply] | None = None) -> Script:
    """A lead with one worker, which posts once."""

    def script(request: ModelRequest) -> ModelReply:
        return plan_of(ASKER) if request.kind == "plan" else family(told, use)(request)

    return script


async def agents(opened: Harness, task: UUID) -> dict[str, AgentView]:
    tree = await opened.platform.tasks.tree(opened.principal, task)
    return {agent.title: agent for agent in tree.agents}


async def pending(opened: Harness) -> list[ApprovalView]:
    page = await opened.platform.approvals.list(
        opened.principal, status="pending", task=None, limit=50, cursor=None
    )
    return list(page.data)


async def the_one(opened: Harness) -> ApprovalView:
    (approval,) = await pending(opened)
    return approval


async def decide(opened: Harness, approval: ApprovalView, decision: str, **more: Any) -> ApprovalView:
    given = Decision.model_validate({"decision": decision, **more})
    return await opened.platform.approvals.decide(opened.principal, approval.id, given)


async def claim_next(opened: Harness) -> Claimed:
    """The only message there is, claimed."""
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    return claimed


async def recorded(admin: AsyncConnection, name: str = "post") -> list[tuple[str, int]]:
    """State and attempts of the calls of that name."""
    cursor = await admin.execute("SELECT state, attempts FROM call WHERE name = %s", [name])
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def kinds(opened: Harness, task: UUID) -> list[str]:
    events = await opened.platform.tasks.events(opened.principal, task, after=0, limit=1000)
    return [event.kind for event in events]
