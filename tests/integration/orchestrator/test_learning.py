"""Learning that fails: tried again later and later, and given up in the open."""

from __future__ import annotations

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import team
from core.errors import StorageError
from core.ids import AgentId, TaskId
from memory import FinishedTask, Learned
from orchestrator.engine.learning import TRIES
from orchestrator.topics import ADVANCE
from tests.integration.orchestrator.conftest import Opener


class Failing:
    """In place of `Memory.learn`."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tried = 0

    async def __call__(self, finished: FinishedTask) -> Learned:
        self.tried += 1
        raise self.error


async def unlearned(opened: Harness) -> TaskId:
    """A task that is over, and that memory has not looked at."""
    task = await opened.submit("What is there to learn?")
    while messages := await opened.collect():
        for topic, tenant, subject in messages:
            if topic == ADVANCE:
                await opened.room.engine.advance(tenant, AgentId(subject))
    return task


async def reminded(admin: AsyncConnection, *, seconds: int = 3600) -> bool:
    """Whether the reaper would remind of the task that long after its last try."""
    await admin.execute("UPDATE task SET learning_since = now() - make_interval(secs => %s)", [seconds])
    cursor = await admin.execute("SELECT FROM treehold.unlearned_tasks(5, 10)")
    return cursor.rowcount == 1


async def test_what_always_fails_is_given_up_with_an_event(
    open_harness: Opener, admin: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, _ = await open_harness(team(1))
    task = await unlearned(opened)
    failing = Failing(ValueError("broken"))
    monkeypatch.setattr(opened.platform.memory, "learn", failing)
    for _ in range(TRIES):
        assert await reminded(admin)
        await opened.room.learning.learn(opened.principal.tenant, task)
    assert not await reminded(admin)
    await opened.room.learning.learn(opened.principal.tenant, task)
    assert failing.tried == TRIES
    cursor = await admin.execute("SELECT data FROM event WHERE kind = 'memory.failed'")
    assert await cursor.fetchall() == [({"reason": "ValueError", "attempts": TRIES},)]


async def test_a_store_that_is_away_is_waited_for(
    open_harness: Opener, admin: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, _ = await open_harness(team(1))
    task = await unlearned(opened)
    monkeypatch.setattr(opened.platform.memory, "learn", Failing(StorageError("it does not answer")))
    waited: list[bool] = []
    for _ in range(TRIES + 1):
        with pytest.raises(StorageError):
            await opened.room.learning.learn(opened.principal.tenant, task)
        waited.append(await reminded(admin, seconds=30))
    assert waited == [True, True, False, False, False, False], "each try waits twice as long"
    monkeypatch.undo()
    await opened.room.learning.learn(opened.principal.tenant, task)
    cursor = await admin.execute("SELECT kind FROM event WHERE kind LIKE 'memory.%'")
    assert await cursor.fetchall() == [("memory.learned",)]


async def test_a_task_without_memory_neither_recalls_nor_teaches(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1))
    await opened.run("What is there to learn?")
    private = await opened.run("What is there to learn?", memory=False)
    again = await opened.run("What is there to learn?")
    cursor = await admin.execute(
        "SELECT task_id, kind FROM event WHERE kind LIKE 'recall.%' OR kind LIKE 'memory.%' ORDER BY at"
    )
    told = [row for row in await cursor.fetchall() if row[0] in {private.id, again.id}]
    assert {kind for task, kind in told if task == private.id} == set()
    assert {"recall.used", "memory.learned"} <= {kind for task, kind in told if task == again.id}
    assert not await reminded(admin)


async def test_a_task_teaches_the_scope_it_was_given_and_recalls_from_its_own(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """One that reads the tenant's memory alone is not shown what was learned in private."""
    opened, _ = await open_harness(team(1))
    await opened.run("What is there to learn?", memory={"read": [], "write": "private"})
    private = f"private:{opened.principal.key}"
    cursor = await admin.execute("SELECT scope FROM episode")
    assert await cursor.fetchall() == [(private,)]
    apart = await opened.run("What is there to learn?", memory={"read": ["tenant"], "write": None})
    own = await opened.run("What is there to learn?", memory={"write": None})
    cursor = await admin.execute("SELECT task_id FROM exposure")
    assert await cursor.fetchall() == [(own.id,)]
    assert apart.status == own.status == "done"
    cursor = await admin.execute("SELECT count(*) FROM episode")
    assert await cursor.fetchone() == (1,)
