"""Tasks that are steered: turns of chosen agents, messages between them, and what came of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, answer_of, plan_of, says
from core.blocks import read_blocks
from core.ids import AgentId, TaskId
from inference.model import ModelReply, ModelRequest
from orchestrator.engine.engine import Claimed
from orchestrator.services.views import AgentView, MessageView, NewMessage, TreeView
from orchestrator.topics import ADVANCE


def question(request: ModelRequest) -> str:
    """What the agent that asks was asked."""
    return str(read_blocks(request.messages[1].content)["question"])


def planned(*titles: str, after: bool = False, split: int = 0) -> Any:
    """The root plans these steps; a step that is split plans two of its own."""

    def script(request: ModelRequest) -> ModelReply:
        match request.kind:
            case "plan" if question(request).startswith("look into"):
                return plan_of(*(f"{question(request).split()[-1]} {part}" for part in ("left", "right")))
            case "plan":
                return plan_of(*titles, after=after, split=split)
            case "act" | "return":
                return says(NOTHING_FOUND)
            case "select":
                return says({"status": "not_found", "cites": []})
            case "reply":
                return says({"text": "half of it is done"})
            case _:
                return answer_of("all parts are in")

    return script


@dataclass
class Stage:
    """One task, whose agents take turns as the test says."""

    opened: Harness
    task: TaskId
    waiting: set[UUID] = field(default_factory=set[UUID])

    @classmethod
    async def submit(cls, opened: Harness, **more: object) -> Stage:
        """A task whose root has planned, and whose children have not begun."""
        stage = cls(opened, await opened.submit("what is new?", memory=False, **more))
        await stage.turn("lead")
        return stage

    async def tree(self) -> TreeView:
        return await self.opened.platform.tasks.tree(self.opened.principal, self.task)

    async def say(self, kind: str, text: str = "", *, node: str | None = None) -> MessageView:
        new = NewMessage.model_validate({"kind": kind, "text": text, "node": node})
        sent = await self.opened.platform.messages.send(
            self.opened.principal, self.task, new, idempotency_key=None
        )
        return sent.message

    async def messages(self) -> list[MessageView]:
        return await self.opened.platform.messages.list(self.opened.principal, self.task)

    async def events(self, kind: str) -> list[Any]:
        found = await self.opened.platform.tasks.events(
            self.opened.principal, self.task, after=0, limit=10_000
        )
        return [event for event in found if event.kind == kind]

    async def agents(self, title: str) -> list[AgentView]:
        """All agents with this title, the newest last."""
        return [agent for agent in (await self.tree()).agents if agent.title == title]

    async def nodes(self) -> dict[str, str]:
        """The steps that stand, by title, and their status."""
        return {node.title: node.status for node in (await self.tree()).nodes}

    async def key(self, title: str) -> str:
        return next(node.key for node in (await self.tree()).nodes if node.title == title)

    async def look(self) -> set[UUID]:
        """The agents that have a message of the relay waiting."""
        for topic, _, subject in await self.opened.collect():
            if topic == ADVANCE:
                self.waiting.add(subject)
        return self.waiting

    async def turn(self, title: str) -> None:
        """One turn of the newest agent with this title."""
        claimed = await self.claim(title)
        await self.opened.room.engine.run(claimed)

    async def claim(self, title: str) -> Claimed:
        await self.look()
        agent = (await self.agents(title))[-1]
        self.waiting.discard(agent.id)
        claimed = await self.opened.room.engine.claim(self.opened.principal.tenant, AgentId(agent.id))
        assert claimed is not None, f"{title} is {agent.status}"
        return claimed

    async def finish(self) -> TreeView:
        """Everybody takes turns until nothing is left to do."""
        for _ in range(200):
            found = await self.look()
            if not found:
                return await self.tree()
            agent = found.pop()
            await self.opened.room.engine.advance(self.opened.principal.tenant, AgentId(agent))
        raise AssertionError("the task does not end")


async def model_calls(admin: AsyncConnection, task: UUID) -> dict[str, int]:
    """How many model calls each step's agents made in all, by title."""
    cursor = await admin.execute(
        "SELECT a.title, count(c.id) FROM agent AS a "
        "LEFT JOIN call AS c ON c.agent_id = a.id AND c.kind = 'model' "
        "WHERE a.task_id = %s GROUP BY a.title",
        [task],
    )
    return dict(await cursor.fetchall())


async def unsettled(admin: AsyncConnection, task: UUID) -> int:
    """Accounts that still hold or delegate something, and agents that count children nobody has."""
    cursor = await admin.execute(
        "SELECT count(*) FROM agent AS a LEFT JOIN budget AS b ON b.agent_id = a.id "
        "WHERE a.task_id = %s AND (b.reserved <> 0 OR b.delegated <> 0 OR a.open_children <> 0)",
        [task],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]
