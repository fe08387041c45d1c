"""Processes on one data folder share the truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.acceptance.processes.folder import Folder, Process, until


async def report(process: Process) -> dict[str, Any]:
    """What `run --json` printed."""
    output, _ = await process.running.communicate()
    assert process.running.returncode == 0, process.log.read_text()
    return json.loads(output)


async def test_two_runs_at_once_on_a_fresh_folder_both_answer(folder: Folder, texts: Path) -> None:
    """They race for the folder, its Postgres and its migrations; afterwards Postgres stops by itself."""
    questions = ("How are backups kept?", "When are backups made?")
    runs = [await folder.start("run", question, "--files", str(texts), "--json") for question in questions]
    reports = await asyncio.gather(*(report(process) for process in runs))
    assert [one["status"] for one in reports] == ["done", "done"]
    assert all(one["citations"] for one in reports)
    async with folder.rows() as rows:
        agents = await rows.fetch("SELECT state, lost_turns FROM agent")
        started = await rows.fetch(
            "SELECT data ->> 'worker' AS worker FROM event WHERE kind = 'agent.started'"
        )
    assert {(agent["state"], agent["lost_turns"]) for agent in agents} == {("done", 0)}
    workers = {str(row["worker"]).rpartition(":")[2] for row in started}
    assert workers <= {str(process.pid) for process in runs}
    await until(lambda: not folder.postgres_runs(), "the end of Postgres", seconds=10)
