"""What is counted of events as their transactions commit, and of tools as they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.ports import AgentFacts
from core.clock import Clock
from core.errors import ToolError
from core.events import Event
from core.metrics import Metrics
from inference.model import ToolCall
from orchestrator.turns.tool_runner import ToolRunner
from tools import ToolRegistry, ToolResult


def counter_of(metrics: Metrics) -> Callable[[Sequence[Event]], None]:
    """For the events of each transaction that was committed."""

    def count(events: Sequence[Event]) -> None:
        for event in events:
            _count(metrics, event)

    return count


def _count(metrics: Metrics, event: Event) -> None:
    match event.kind:
        case "task.submitted":
            metrics.tasks_submitted.inc()
        case "task.finished":
            _count_end(metrics, event)
        case "agent.spawned":
            metrics.agents_spawned.labels(event.data.get("role")).inc()
        case "agent.reclaimed":
            metrics.leases_lost.inc()
        case "approval.requested":
            metrics.approvals_requested.inc()
        case "budget.refused":
            metrics.budget_refusals.labels(event.data.get("limit")).inc()
        case "memory.learned" | "memory.failed":
            metrics.memory_learned.labels(event.data.get("state", "failed")).inc()
        case _:
            pass


def _count_end(metrics: Metrics, event: Event) -> None:
    status, seconds = event.data.get("status"), event.data.get("seconds")
    metrics.tasks_finished.labels(status, event.data.get("stop_reason")).inc()
    if isinstance(seconds, int | float):
        metrics.task_seconds.labels(status).observe(seconds)


class MeteredToolRunner(ToolRunner):
    """Counts what runs, under the names of tools that there are."""

    def __init__(self, registry: ToolRegistry, metrics: Metrics, clock: Clock) -> None:
        super().__init__(registry)
        self._metrics = metrics
        self._clock = clock

    async def run(
        self,
        call: ToolCall,
        facts: AgentFacts,
        *,
        workspace: str | None,
        idempotency_key: str,
        approved: bool = False,
    ) -> ToolResult:
        """As the runner below does."""
        tool = call.name if call.name in self.names else "unknown"
        started = self._clock.monotonic()
        outcome = "cancelled"
        try:
            result = await super().run(
                call, facts, workspace=workspace, idempotency_key=idempotency_key, approved=approved
            )
            outcome = "ok"
            return result
        except ToolError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.tool_calls.labels(tool, outcome).inc()
            self._metrics.tool_seconds.labels(tool).observe(self._clock.monotonic() - started)
