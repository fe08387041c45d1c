"""What goes wrong in a run: kills, stops, and messages that come twice, late or never. Drawn by a seed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.chaos.brokers import Broker
from bench.chaos.fleet import Fleet, Process, now
from bench.chaos.postgres import SQL, Postgres

HOT = (
    "approvals.expire",
    "approvals.wake",
    "asking.standing",
    "budget.delegate",
    "budget.open_accounts",
    "budget.reserve",
    "budget.settle_ended",
    "closing.close_waiting",
    "closing.end_agent",
    "closing.finish_task",
    "closing.hand_back",
    "closing.save_checkpoint",
    "engine.claim",
    "journal.begin",
    "journal.conclude",
    "journal.hold_more",
    "parking.ask",
    "parking.park",
    "journal.proceed",
    "queries.write_out",
    "reaper.reclaim",
    "relay.commit",
    "relay.publish",
    "spawning.insert_agents",
    "turn.returns",
    "worker.acknowledge",
    "worker.advance",
    "worker.learn",
)
"""Points between two statements of the hot paths; `commit` and `committed` surround every one of them."""

FEW_HITS, MANY_HITS = 30, 1500
UNARMED = 0.4
"""Share of the workers that only end when they are killed from outside."""


def armoury(chance: random.Random, *, size: int = 200) -> list[str]:
    """Fail-points to arm workers with: some at a named point, some anywhere, some that stop instead."""
    return ["" if chance.random() < UNARMED else _failpoint(chance) for _ in range(size)]


def _failpoint(chance: random.Random) -> str:
    action = "stop" if chance.random() < 0.15 else "kill"
    if chance.random() < 0.5:
        return f"*={action}@{chance.randint(20, MANY_HITS)}"
    point = chance.choice([*HOT, "commit", "committed"])
    return f"{point}={action}@{chance.randint(1, FEW_HITS)}"


@dataclass(kw_only=True)
class Mishaps:
    """Attributes: `happened` counts them by what they were; `postgres_kills` is when Postgres was killed."""

    fleet: Fleet
    postgres: Postgres
    broker: Broker
    chance: random.Random
    lease_seconds: float
    happened: Counter[str] = field(default_factory=Counter[str])
    postgres_kills: list[float] = field(default_factory=list[float])
    _continuing: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _messages: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def kills(self) -> int:
        """Of servers, and of processes from outside or at a fail-point."""
        servers = sum(self.happened[name] for name in ("kill postgres", "kill broker"))
        return servers + sum(death.cause != "itself" for death in self.fleet.deaths)

    async def one(self) -> None:
        """Let one thing go wrong."""
        mishaps, weights = zip(*self._possible(), strict=True)
        (chosen,) = self.chance.choices(mishaps, weights)
        await chosen()

    async def watch(self) -> None:
        """Until cancelled: continue what stands still, by a signal or at a fail-point, a while later."""
        while True:
            for process in list(self.fleet.living.values()):
                if not process.stopped and process.stands_still():
                    process.stopped = True
                    self._later(self._continue(process), self._continuing)
            await asyncio.sleep(0.1)

    async def settle(self) -> None:
        """Wait until nothing stands still, and no message is held back, because of us."""
        await asyncio.gather(*self._continuing, *self._messages)

    def _possible(self) -> list[tuple[Callable[[], Awaitable[None]], float]]:
        possible: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self._kill_worker, 10),
            (self._stop_worker, 4),
            (self._kill_api, 2),
            (self._kill_postgres, 1.5),
            (self._kill_all, 0.7),
            (self._repeat_messages, 2),
            (self._delay_messages, 2),
            (self._lose_messages, 2),
        ]
        if self.broker.mortal:
            possible += [(self._kill_broker, 2), (self._stop_broker, 1)]
        return possible

    async def _kill_worker(self) -> None:
        self._kill_one("worker")

    async def _kill_api(self) -> None:
        self._kill_one("api")

    def _kill_one(self, role: str) -> None:
        living = [process for process in self.fleet.living.values() if process.role == role]
        if living:
            self.happened[f"kill {role}"] += 1
            self.fleet.kill(self.chance.choice(living))

    async def _stop_worker(self) -> None:
        moving = [process for process in self.fleet.of("worker") if not process.stopped]
        if moving:
            self.happened["stop worker"] += 1
            self.chance.choice(moving).signal(signal.SIGSTOP)

    async def _continue(self, process: Process) -> None:
        await asyncio.sleep(self.lease_seconds * self.chance.uniform(0.5, 2.2))
        process.signal(signal.SIGCONT)
        process.stopped = False

    async def _kill_postgres(self) -> None:
        self._strike_postgres(keeper=self.chance.random() < 0.3)
        await self.postgres.start()

    def _strike_postgres(self, *, keeper: bool) -> None:
        self.happened["kill postgres"] += 1
        self.postgres_kills.append(now())
        self.postgres.kill(keeper=keeper)

    async def _kill_broker(self) -> None:
        self.happened["kill broker"] += 1
        await self.broker.kill()
        await asyncio.sleep(self.chance.uniform(0, 1))
        await self.broker.start()

    async def _stop_broker(self) -> None:
        self.happened["stop broker"] += 1
        self.broker.signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(0.5, 3))
        self.broker.signal(signal.SIGCONT)

    async def _kill_all(self) -> None:
        """The machine loses its power."""
        for process in list(self.fleet.living.values()):
            self.happened[f"kill {process.role}"] += 1
            self.fleet.kill(process)
        self._strike_postgres(keeper=True)
        if self.broker.mortal:
            self.happened["kill broker"] += 1
            await self.broker.kill()
            await self.broker.start()
        await self.postgres.start()

    async def _repeat_messages(self) -> None:
        self.happened["repeat messages"] += 1
        await self.postgres.fetch(SQL.repeat_messages, {"most": 20})

    async def _delay_messages(self) -> None:
        self.happened["delay messages"] += 1
        self._later(self.postgres.hold_messages(self.chance.uniform(0.5, 3)), self._messages)

    async def _lose_messages(self) -> None:
        self.happened["lose messages"] += 1
        await self.postgres.fetch(SQL.lose_messages, {"most": 5})

    def _later(self, job: Awaitable[None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.ensure_future(job)
        assert isinstance(task, asyncio.Task)
        among.add(task)
        task.add_done_callback(among.discard)
