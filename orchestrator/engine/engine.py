"""The engine: `advance` runs one turn of one agent, from claim to close (docs/architecture.md).

A turn is a function of the agent's checkpoint and its journal. All it leaves behind, besides journal rows and
what it did about messages, is written by one closing transaction that carries the fence: checkpoint, state,
children, return, events and outbox rows. A worker that dies before that leaves the agent as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from agents.brief import Brief
from agents.graph import Graph, TurnContext
from agents.ports import AgentFacts
from core.bound import bound
from core.database import Row, queries
from core.errors import AgentFailed, StorageError, TreeholdError
from core.grant import Grant
from core.ids import AgentId, NodeId, TaskId, TenantId
from core.provenance import Provenance
from core.signals import LeaseLost, Parked, Paused, Unheard
from core.tracing import TraceContext, context_of, parse, span_of, within
from orchestrator.engine.closing import Closing, Outcome
from orchestrator.platform import Platform
from orchestrator.turns.checkpointer import TurnCheckpointer
from orchestrator.turns.lease import Lease, LeaseKeeper
from orchestrator.turns.parking import ParkedFor, Parking
from orchestrator.turns.turn import LiveTurn

SQL = queries.load(__file__, "engine.sql")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A turn whose lease is held here."""

    lease: Lease
    turn: LiveTurn
    checkpoint: Row | None
    trace: TraceContext


class Engine:
    """Advances agents; safe to call for any agent, at any time, any number of times, from any process."""

    def __init__(
        self,
        platform: Platform,
        leases: LeaseKeeper,
        graphs: Mapping[str, Graph],
        checkpointer: TurnCheckpointer,
    ) -> None:
        self._platform = platform
        self._leases = leases
        self._graphs = graphs
        self._checkpointer = checkpointer
        self._closing = Closing(platform.database, platform.task_tree)
        self._parking = Parking(platform.database)

    async def advance(
        self, tenant: TenantId, agent: AgentId, *, claimed: Callable[[], None] | None = None
    ) -> bool:
        """Run one turn, if the agent is ready; returns whether there was one to run.

        `claimed` is told once the agent is taken, or is found not to be ready.

        Cancelled, it gives the agent to another worker at once. Where Postgres fails, the lease runs out
        and the reaper brings the agent back.
        """
        found = await self._claim_whole(tenant, agent)
        if claimed is not None:
            claimed()
        if found is None:
            return False
        lease = found.lease
        with bound(tenant=tenant, task=lease.task, agent=agent), within(found.trace):
            runner = asyncio.create_task(self.run(found), name=f"turn {agent}")
        async with self._leases.holding(lease, runner):
            try:
                await asyncio.shield(runner)
            except asyncio.CancelledError:
                if runner.cancelled():  # its lease is lost, or its task cancelled: nothing may be written
                    return True
                runner.cancel()
                await asyncio.gather(runner, return_exceptions=True)
                with contextlib.suppress(LeaseLost):
                    await found.turn.journal.flush()
                await self._closing.hand_back(lease)
                raise
        return True

    async def _claim_whole(self, tenant: TenantId, agent: AgentId) -> Claimed | None:
        """Claim, or not: a claim that is cancelled while it commits would leave a lease with nobody."""
        claiming = asyncio.create_task(self.claim(tenant, agent), name=f"claim {agent}")
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            [claimed] = await asyncio.gather(claiming, return_exceptions=True)
            if isinstance(claimed, Claimed):
                await self._closing.hand_back(claimed.lease)
            raise

    async def claim(self, tenant: TenantId, agent: AgentId) -> Claimed | None:
        """Take the lease of a ready agent; None when it is not ready."""
        row = await self._platform.database.call(
            SQL.claim,
            {
                "tenant": tenant,
                "agent": agent,
                "owner": self._leases.owner,
                "seconds": self._leases.seconds,
            },
        )
        if row is None:
            return None
        found = row["agent"]
        lease = Lease(tenant=tenant, task=TaskId(UUID(found["task_id"])), agent=agent, fence=found["fence"])
        checkpoint = row if row["checkpoint_id"] is not None else None
        span = span_of(agent, "turn", str(lease.fence))
        return Claimed(
            lease=lease,
            turn=self._turn(lease, row),
            checkpoint=checkpoint,
            trace=context_of(lease.task, parse(found["traceparent"]), span),
        )

    async def run(self, claimed: Claimed) -> None:
        """Run a claimed turn to its close; where the lease was lost meanwhile, nothing is written."""
        lease = claimed.lease
        try:
            await self._run(claimed)
        except LeaseLost:
            log.info("turn.lease_lost", extra={"agent": str(lease.agent), "fence": lease.fence})

    async def _run(self, claimed: Claimed) -> None:
        try:
            outcome, saved = await self.invoke(claimed)
        except ParkedFor as parked:
            await claimed.turn.journal.flush()
            await self._parking.park(claimed.lease, parked.wait)
        except Paused:
            await claimed.turn.journal.flush()
            await self._closing.hand_back(claimed.lease, paused=True)
        else:
            await self._close_or_hear(claimed, outcome, saved)

    async def _close_or_hear(self, claimed: Claimed, outcome: Outcome, saved: Row | None) -> None:
        try:
            await self._close(claimed, outcome, saved)
        except Unheard:
            await claimed.turn.journal.flush()
            await self._closing.hand_back(claimed.lease)

    async def _close(self, claimed: Claimed, outcome: Outcome, saved: Row | None) -> None:
        """Where what the turn leaves cannot be written, such as grants that do not fit, the agent fails."""
        try:
            await self._closing.close(claimed.lease, claimed.turn, outcome, saved)
        except StorageError:
            raise
        except TreeholdError as error:
            await self._closing.close(claimed.lease, claimed.turn, Outcome.failed(error), None)

    async def invoke(self, claimed: Claimed) -> tuple[Outcome, Row | None]:
        """Run the graph; returns how it left the turn, and its checkpoint, still to be committed."""
        thread = f"{claimed.lease.agent}/{claimed.lease.fence}"
        self._checkpointer.begin(thread, claimed.checkpoint)
        try:
            outcome = await self._invoke(claimed.turn, thread, resumed=claimed.checkpoint is not None)
        finally:
            saved = self._checkpointer.end(thread)
        return outcome, saved

    def _turn(self, lease: Lease, row: Row) -> LiveTurn:
        agent = row["agent"]
        facts = AgentFacts(
            id=lease.agent,
            task=lease.task,
            key=agent["key"],
            role=agent["role"],
            title=agent["title"],
            depth=agent["depth"],
            node=NodeId(UUID(agent["node_id"])) if agent["node_id"] else None,
            brief=Brief.model_validate(agent["brief"]),
            grant=Grant.model_validate(agent["granted"]),
            provenance=Provenance.model_validate(agent["provenance"]),
            return_schema=agent["return_schema"],
            spawned=agent["spawned"],
        )
        return LiveTurn(
            self._platform,
            lease,
            facts,
            parent=AgentId(UUID(agent["parent_id"])) if agent["parent_id"] else None,
            position=agent["next_position"],
            model_calls=row["model_calls"],
            workspace=row["workspace"],
            remaining=row["remaining"],
            source=AgentId(UUID(agent["source_id"])) if agent["source_id"] else None,
            paused_for=row["paused_for"],
            rung=agent["wake_position"],
        )

    async def _invoke(self, turn: LiveTurn, thread: str, *, resumed: bool) -> Outcome:
        graph = cast(Any, self._graphs[turn.agent.role])
        config: RunnableConfig = {"configurable": {"thread_id": thread}, "recursion_limit": 10_000}
        try:
            result = await graph.ainvoke(
                Command(resume=True) if resumed else {},
                config,
                context=TurnContext(turn),
                durability="exit",
            )
        except (LeaseLost, Parked, Paused, asyncio.CancelledError):
            raise
        except StorageError:
            raise
        except TreeholdError as error:
            return Outcome.failed(error)
        except Exception as error:
            log.exception("turn.failed", extra={"agent": thread})
            return Outcome.failed(
                AgentFailed(f"{type(error).__name__} in the agent's graph", code="internal")
            )
        interrupts = cast(dict[str, Any], result).get("__interrupt__")
        if interrupts:
            return Outcome.waiting(interrupts[0].value["on"])
        if turn.returned is None:
            return Outcome.failed(AgentFailed("the agent ended without a return"))
        return Outcome.done(turn.cut)
