"""Processes that are stopped: for good, politely; or for a while, past their lease (laws 3 and 4)."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

from bench.support.replies import Answer
from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import Asked, Fault, Moment, SmallModel
from tests.acceptance.processes.folder import Folder, changed, until

QUESTION = "How are backups kept?"
PATIENT = {"TREEHOLD_LEASE_SECONDS": "300", "TREEHOLD_REPUBLISH_SECONDS": "300"}
"""Under these, nothing that was lost would be found again in this test."""


def slow(seconds: float, moment: Moment, file: str = "") -> Fault:
    """The first time it is asked this, the model takes its time."""

    def dawdle(_: Asked, good: Answer) -> Answer:
        return replace(good, delay=seconds)

    return Fault(task=QUESTION, at={moment}, file=file, reply=dawdle, times=1)


async def test_a_worker_stopped_past_its_lease_and_continued_changes_nothing(
    modelled: Folder, node: ScriptedNode, model: SmallModel, texts: Path
) -> None:
    """It stops with a call in flight; its answer waits for it when it continues, and is of no use."""
    model.faults.append(stop := slow(1.0, "act", "alpha.md"))
    stopped = await modelled.up()
    async with modelled.rows() as rows, modelled.client(stopped) as client:
        task = (await client.submit(QUESTION, workspace=str(texts))).id
        await until(lambda: stop.happened > 0, "a call to stop at")
        stopped.signal(signal.SIGSTOP)
        other = await modelled.up()
        assert await rows.over(task) == "done"
        await node.idle.wait()
        other.signal(signal.SIGTERM)
        assert await other.ended() == 0
        assert await rows.fetch("SELECT 1 FROM event WHERE kind = 'agent.reclaimed' AND task_id = %s", task)
        before, whole = await rows.of(task), await rows.everything()
        stopped.signal(signal.SIGCONT)
        await client.get(task)
        assert changed(whole, await rows.everything()) == {}
        later = (await client.submit("When are backups made?", workspace=str(texts))).id
        assert await rows.over(later) == "done"
        assert changed(before, await rows.of(task)) == {}
        assert stopped.running.returncode is None
        assert "Traceback" not in stopped.log.read_text()


async def test_a_server_told_to_stop_hands_its_agents_back_and_a_restart_completes_the_task(
    modelled: Folder, model: SmallModel, texts: Path
) -> None:
    """Nobody has to wait for a lease, and the embedded Postgres stops with its last user."""
    model.faults.append(stop := slow(3600.0, "act", "alpha.md"))
    server = await modelled.up(**PATIENT)
    async with modelled.client(server) as client:
        task = (await client.submit(QUESTION, workspace=str(texts))).id
    await until(lambda: stop.happened > 0, "a call to stop at")
    told = time.monotonic()
    server.signal(signal.SIGTERM)
    assert await server.ended() == 0
    assert time.monotonic() - told < 5
    await until(lambda: not modelled.postgres_runs(), "the end of Postgres", seconds=10)
    async with modelled.rows() as rows:
        states = {row["state"] for row in await rows.fetch("SELECT state FROM agent")}
        assert states <= {"ready", "waiting", "done"}
        again = await modelled.up(**PATIENT)
        assert await rows.over(task) == "done"
        again.signal(signal.SIGINT)
        assert await again.ended() == 0
    assert "Traceback" not in server.log.read_text() + again.log.read_text()
