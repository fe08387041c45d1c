"""kill -9: the task completes, and no model call with a recorded outcome is made twice (law 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.support.replies import Answer
from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import Asked, Fault, Moment, SmallModel
from tests.acceptance.processes.folder import Folder, Ledger, Process, until

QUESTION = "How are backups kept?"


def slow(moment: Moment, file: str = "") -> Fault:
    """The first time it is asked this, the model takes an hour."""

    def dawdle(_: Asked, good: Answer) -> Answer:
        return replace(good, delay=3600.0)

    return Fault(task=QUESTION, at={moment}, file=file, reply=dawdle, times=1)


def prompt(messages: Iterable[Mapping[str, Any]]) -> str:
    """What tells requests apart, on the wire (where messages of one role are merged) as in the journal."""
    said = [(message["role"], message.get("content") or "") for message in messages]
    merged = [(role, "".join(text for _, text in run)) for role, run in groupby(said, key=itemgetter(0))]
    return "\n".join(f"{role}: {''.join(text.split())}" for role, text in merged)


async def killed(process: Process, stop: Fault, rows: Ledger, task: UUID) -> Counter[UUID]:
    """Kill the process once the model dawdles; returns the calls whose outcome was not recorded."""

    await until(lambda: stop.happened > 0, "a call to stop at")
    await process.kill()
    return Counter(call["id"] for call in await rows.calls(task) if call["state"] == "intent")


async def test_killed_three_times_a_task_completes_and_no_recorded_call_is_made_again(
    modelled: Folder, node: ScriptedNode, model: SmallModel, texts: Path
) -> None:
    """After the plan, amid the workers and before the answer; each time another process goes on."""
    async with modelled.rows() as rows:
        model.faults.append(slow("act", "alpha.md"))
        first = await modelled.start("run", QUESTION, "--files", str(texts), "--json")
        task = await rows.task()
        in_flight = await killed(first, model.faults[-1], rows, task)
        for moment in ("report", "answer"):
            model.faults.append(slow(moment))
            in_flight += await killed(await modelled.up(), model.faults[-1], rows, task)
        await modelled.up()
        assert await rows.over(task) == "done"
        calls = await rows.calls(task)
    received = Counter(prompt(request["messages"]) for request in node.requests)
    assert set(received) == {prompt(call["request"]["messages"]) for call in calls}
    assert in_flight.total() >= 3
    for call in calls:
        times = received[prompt(call["request"]["messages"])]
        assert call["state"] == "done"
        assert 1 <= times <= 1 + in_flight[call["id"]], f"{call['name']} was asked {times} times"
