"""The part of a worker process that advances agents. Importing it imports LangGraph."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agents.lead import lead_graph
from agents.worker import worker_graph
from core.process import process_name
from memory.forgetting import Retention
from orchestrator.engine.alarms import Alarms
from orchestrator.engine.cancellations import Cancellations
from orchestrator.engine.closing import Closing
from orchestrator.engine.engine import Engine
from orchestrator.engine.learning import Learning
from orchestrator.engine.learning_journal import LearningJournal
from orchestrator.engine.reaper import Reaper
from orchestrator.engine.relay import Order, Publisher, Relay
from orchestrator.engine.retelling import Retelling
from orchestrator.platform import Platform
from orchestrator.telemetry import otlp
from orchestrator.telemetry.exporter import TraceExporter
from orchestrator.turns.checkpointer import TurnCheckpointer
from orchestrator.turns.lease import LeaseKeeper


@dataclass(frozen=True, kw_only=True)
class EngineRoom:
    """Engine and plumbing of one process."""

    platform: Platform
    engine: Engine
    leases: LeaseKeeper
    learning: Learning

    def relay(self, publisher: Publisher, *, depth: int | None = None) -> Relay:
        """`depth` bounds what lies with a broker that other processes share."""
        settings = self.platform.settings
        order = Order(
            depth=depth, running=settings.max_running_per_tenant, patience=settings.patience_seconds
        )
        return Relay(
            self.platform.database,
            publisher,
            sweep=settings.sweep_seconds,
            order=order,
            traced=otlp.is_wanted(),
        )

    def trace_exporter(self) -> TraceExporter | None:
        """Blocking; None unless the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`).

        Raises:
            ConfigurationError: the environment asks for what there is not.
        """
        if not otlp.is_wanted():
            return None
        platform = self.platform
        return TraceExporter(
            platform.database,
            platform.clock,
            otlp.open_sink(content=platform.settings.trace_content),
            platform.metrics,
            sweep=platform.settings.sweep_seconds,
            content=platform.settings.trace_content,
        )

    def cancellations(self) -> Cancellations:
        return Cancellations(self.platform.database, self.leases, sweep=self.platform.settings.sweep_seconds)

    def reaper(self) -> Reaper:
        settings = self.platform.settings
        return Reaper(
            self.platform.database,
            self.platform.clock,
            Closing(self.platform.database, self.platform.task_tree),
            Alarms(self.platform.database),
            Retention(
                self.platform.database,
                self.platform.clock,
                self.platform.forgetting,
                days=settings.memory_retention_days,
            ),
            sweep=settings.sweep_seconds,
            republish=settings.republish_seconds,
            max_attempts=settings.max_attempts,
        )


def open_engine_room(platform: Platform, *, owner: str | None = None) -> EngineRoom:
    """Wire the engine. `owner` names this process in leases; host and process id unless given."""
    # Private data must not leave by a variable that was set for something else.
    os.environ["LANGSMITH_TRACING"] = "false"
    owner = owner or process_name()
    leases = LeaseKeeper(
        platform.database, platform.clock, owner=owner, seconds=platform.settings.lease_seconds
    )
    checkpointer = TurnCheckpointer()
    graphs = {"lead": lead_graph(checkpointer), "worker": worker_graph(checkpointer)}
    return EngineRoom(
        platform=platform,
        engine=Engine(platform, leases, graphs, checkpointer),
        leases=leases,
        learning=_learning(platform),
    )


def _learning(platform: Platform) -> Learning:
    journal = LearningJournal(
        platform.database,
        platform.gateway,
        platform.clock,
        tokens=platform.settings.memory_learning_tokens,
    )
    return Learning(
        platform.database,
        platform.memory,
        Retelling(platform.task_tree),
        journal,
        evaluator=platform.evaluator,
    )
