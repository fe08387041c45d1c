"""The workloads, in the words the model server and every runner share."""

from __future__ import annotations

from dataclasses import dataclass

CHAIN = "chain"
SPAWN = "spawn3"
FANOUT = "fanout100"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one run does.

    A peer runs a lead that calls `width` workers in one message, or one agent alone where `width` is 0; each
    worker makes `calls` model calls, all but the last of which ask for a tool. Ours has a lead in any case:
    in the chain, its plan and its answer are two of the calls.

    Attributes:
        latency: seconds the model server takes for every reply.
        model_calls: of one run, the same for everybody.
        critical: how many of them must follow one another.
    """

    name: str
    width: int
    calls: int
    latency: float
    model_calls: int
    critical: int

    @property
    def ideal(self) -> float:
        """Seconds a run would take if nothing but the model took time."""
        return self.critical * self.latency


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(name=CHAIN, width=0, calls=20, latency=0.02, model_calls=20, critical=20),
        Workload(name=SPAWN, width=3, calls=3, latency=0.02, model_calls=11, critical=5),
        Workload(name=FANOUT, width=100, calls=1, latency=1.0, model_calls=102, critical=3),
    )
}
