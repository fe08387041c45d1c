"""Forks: tasks that take what another one recorded up to an event, and go on from there.

A fork is run by the ordinary engine. Its agents ask what their sources asked, and as long as they do, the
journal answers with what those recorded (`replay_call` in core/database/migrations/0008_fork.sql). All else
that a turn is made of follows from that. Implements `orchestrator.services.ports.Forks`.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from agents.brief import Brief
from core.clock import Clock
from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import InvalidInput, NotFound
from core.events import Event
from core.grant import Budget, Capabilities, Grant
from core.ids import AgentId, IdSource, TaskId
from core.tracing import caller_header
from orchestrator.services.admission import Admission
from orchestrator.services.idempotency import KeyedRequest
from orchestrator.services.intake import Intake
from orchestrator.services.ports import Submitted
from orchestrator.services.principal import Principal
from orchestrator.services.tasks import read_task
from orchestrator.services.views import ForkRequest, ModelDescription
from orchestrator.turns.following import follow
from orchestrator.turns.spawning import insert_root

SQL = queries.load(__file__, "forking.sql")


class ForkService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdSource,
        intake: Intake,
        admission: Admission,
        model: ModelDescription,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._intake = intake
        self._admission = admission
        self._model = model

    async def fork(
        self, principal: Principal, task: UUID, wanted: ForkRequest, *, idempotency_key: str | None
    ) -> Submitted:
        principal.require("tasks:read")
        principal.require("tasks:write")
        keyed = _keyed(task, wanted, idempotency_key)
        async with self._database.unit_of_work(principal.tenant) as work:
            if keyed is not None and (earlier := await keyed.earlier(work)) is not None:
                return Submitted(task=await read_task(work, earlier), replayed=True)
            source = await _source(work, task)
        await self._admission.check(principal.tenant)
        granted = Budget.model_validate(source["granted"]).model_copy(
            update={name: getattr(wanted.budget, name) for name in wanted.budget.model_fields_set}
        )
        await self._intake.check_again(granted, source["workspace"])
        fork = TaskId(self._ids.new())
        async with self._database.unit_of_work(principal.tenant) as work:
            if keyed is not None and (earlier := await keyed.claim(work, fork)) is not None:
                return Submitted(task=await read_task(work, earlier), replayed=True)
            source = await _source(work, task)
            event = _event(wanted.event, source["event_seq"], task)
            await work.execute(
                SQL.insert_task,
                {
                    "id": fork,
                    "source": task,
                    "event": event,
                    "model": jsonb(self._model.model_dump(mode="json")),
                    "granted": jsonb(granted.model_dump(mode="json")),
                    "tags": None if wanted.tags is None else jsonb(wanted.tags),
                    "replay": wanted.replay,
                    "traceparent": caller_header(),
                },
            )
            work.emit(
                Event(
                    task=fork,
                    kind="task.submitted",
                    data={
                        "goal": source["goal"],
                        "model": self._model.model_dump(mode="json"),
                        "workspace": source["workspace"],
                        "forked_from": str(task),
                        "forked_at": event,
                    },
                )
            )
            await self._insert_root(work, principal, fork, source, granted)
            view = await read_task(work, fork)
        return Submitted(task=view, replayed=False)

    async def _insert_root(
        self, work: UnitOfWork, principal: Principal, fork: TaskId, source: Row, granted: Budget
    ) -> None:
        root = AgentId(self._ids.new())
        seconds = granted.seconds
        grant = Grant(
            budget=granted,
            capabilities=_permitted(Capabilities.model_validate(source["capabilities"]), principal),
            deadline=None if seconds is None else self._clock.now() + timedelta(seconds=seconds),
        )
        brief = Brief.model_validate(source["brief"])
        await insert_root(work, root, fork, brief=brief, grant=grant, key=principal.key)
        await follow(work, root, AgentId(source["root"]))


async def _source(work: UnitOfWork, task: UUID) -> Row:
    source = await work.fetch_one(SQL.source, {"task": task})
    if source is None:
        raise NotFound(f"no task {task}")
    return source


def _permitted(capabilities: Capabilities, principal: Principal) -> Capabilities:
    """The source's, without memory that whoever forks may not see."""
    own, write = principal.memory_scopes, capabilities.memory_write
    return capabilities.model_copy(
        update={"memory": capabilities.memory & own, "memory_write": write if write in own else None}
    )


def _event(wanted: int | None, last: int, task: UUID) -> int:
    if wanted is not None and wanted > last:
        raise InvalidInput(
            f"task {task} has no event {wanted}: fork it at one from 1 to {last}, or leave the event out",
            code="no_such_event",
        )
    return last if wanted is None else wanted


def _keyed(task: UUID, wanted: ForkRequest, key: str | None) -> KeyedRequest | None:
    if key is None:
        return None
    asked = wanted.model_dump(mode="json", exclude_unset=True)
    return KeyedRequest(route=f"POST /v1/tasks/{task}/fork", key=key, asked=asked)
