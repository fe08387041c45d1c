"""What this process counts of itself, under Prometheus names. No label holds a text of a tenant's."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
LONG_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)

# Prometheus has no use for them, and they double what is scraped.
disable_created_metrics()


class Metrics:
    """One a process: counters since it began, and figures as they stood when they were last read."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"treehold_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(f"treehold_{name}", help_text, labels, registry=registry)

        def histogram(name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"treehold_{name}", help_text, labels, registry=registry, buckets=buckets)

        self.tasks_submitted = counter("tasks_submitted", "Tasks submitted or forked here.")
        self.tasks_finished = counter("tasks_finished", "Tasks that ended here.", "status", "reason")
        self.task_seconds = histogram(
            "task_duration_seconds", "From submission to end.", LONG_SECONDS, "status"
        )
        self.agents_spawned = counter("agents_spawned", "Agents spawned here.", "role")
        self.leases_lost = counter("leases_lost", "Leases that ran out and were taken back here.")
        self.budget_refusals = counter("budget_refusals", "Calls that a grant did not cover.", "limit")
        self.approvals_requested = counter("approvals_requested", "Calls that had to wait for a person.")
        self.memory_learned = counter("memory_learned", "Finished tasks taken into memory.", "state")

        self.model_calls = counter(
            "model_calls", "Calls of the model, by how they ended.", "model", "outcome"
        )
        self.model_retries = counter("model_retries", "Further attempts, by reason.", "model", "reason")
        self.model_tokens = counter("model_tokens", "Tokens, by what they were.", "model", "type")
        self.model_cost = counter("model_cost_dollars", "What calls cost, where a price is known.", "model")
        self.model_seconds = histogram("model_call_duration_seconds", "Of one call.", SECONDS, "model")
        self.model_first_token = histogram(
            "model_first_token_seconds", "To the first token of a reply.", SECONDS, "model"
        )
        self.tool_calls = counter("tool_calls", "Calls of tools, by how they ended.", "tool", "outcome")
        self.tool_seconds = histogram("tool_call_duration_seconds", "Of one call.", SECONDS, "tool")

        self.turns = gauge("turns", "Turns that run in this process.")
        self.turn_slots = gauge("turn_slots", "Turns that may run in this process.")
        self.published = counter("relay_published", "Messages brought to the broker.", "topic")
        self.publish_failures = counter("relay_publish_failures", "Messages that the broker did not take.")
        self.loop_lag = histogram("event_loop_lag_seconds", "How late the event loop is.", SECONDS[:10])
        self.pool_connections = gauge("pool_connections", "Of this process, to Postgres.", "state")
        self.pool_waiting = gauge("pool_waiting", "What waits for a connection in this process.")

        self.spans_told = counter("trace_spans", "Spans that the collector took.")
        self.exports_failed = counter("trace_export_failures", "Exports that the collector did not take.")
        self.traces_given_up = counter("traces_given_up", "Tasks that are not told any further.")

        self.database_up = gauge("database_up", "Whether the figures of the whole fleet could be read.")
        self.tasks_open = gauge("tasks_open", "Unfinished tasks, of the whole fleet.", "state")
        self.agents = gauge("agents", "Agents of unfinished tasks, of the whole fleet.", "state")
        self.outbox = gauge("outbox_messages", "Messages that wait to be published, of the whole fleet.")
        self.outbox_age = gauge("outbox_oldest_seconds", "Age of the oldest of them: the relay's lag.")
        self.queue_age = gauge(
            "queue_age_seconds", "Longest wait for a turn, of the tenants that wait longest.", "tenant"
        )
        self.approvals_pending = gauge("approvals_pending", "Calls that wait for a person, of the fleet.")
        self.traces_waiting = gauge("traces_waiting", "Tasks not all told yet to a collector, of the fleet.")
