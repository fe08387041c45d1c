"""A task run again from its record: nobody is asked, and everything ends as it did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, calls, plan_of, says, team
from core.blocks import read_blocks
from core.errors import ModelUnavailable
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from tests.integration.forks.conftest import Opener, ended, events_of, live_calls, run_fork

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
TEAM = 5
NOTE = "The lamp is green."


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "note.md").write_text(f"{NOTE}\n")
    return tmp_path


class Troubled:
    """A lead over five leads over five workers each, of whom no two do the same."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(self, request: ModelRequest) -> ModelReply:
        match request.kind:
            case "plan" if not _path(request):
                return self._plan(split=TEAM)
            case "plan":
                return self._plan(split=0)
            case "act" | "return":
                return self._work(request)
            case "select":
                cites = re.findall(r'"id":"(c\d+)"', request.messages[-1].content)
                return says({"status": "found" if cites else "not_found", "cites": cites})
            case _:
                cites = re.findall(r'"id":"(c\d+)"', request.messages[-1].content)
                return says({"paragraphs": [{"text": "It is green.", "cites": cites}], "complete": True})

    def _plan(self, *, split: int) -> ModelReply:
        """The last step waits for those before it, and so reads what became of them."""
        plan = plan_of(*(f"part {number}" for number in range(TEAM)), split=split)
        steps = [
            {"title": f"part {n}", "question": f"look into part {n}", "inputs": ["f1"], "split": n < split}
            | {"after": [1, 2] if n == TEAM - 1 else list[int]()}
            for n in range(TEAM)
        ]
        return says({"subtasks": steps}, usage=plan.usage)

    def _work(self, request: ModelRequest) -> ModelReply:
        told = [message.content for message in request.messages if message.role == "tool"]
        part = int(re.findall(r"look into part (\d)", request.messages[1].content)[-1])
        match part, len(told):
            case 0, 0:
                return calls("write_artifact", name="notes", content="What I saw.")
            case 0, _:
                return says({"status": "not_found", "findings": [], "summary": "Nothing to see."})
            case 1, 0:
                return calls("read_file", path="missing.md")
            case 1, 1:
                return calls("no_such_tool")
            case 2, _ if request.kind == "act":
                return says({"status": "perhaps"})
            case 3, _ if not self.failed:
                self.failed = True
                raise ModelUnavailable("cut off")
            case 4, 0:
                return calls("read_file", path="note.md")
            case 4, _:
                finding = {"file": "note.md", "line": 1, "quote": NOTE, "relevance": 0.9}
                return says({"status": "found", "findings": [finding]})
            case _:
                return says(NOTHING_FOUND)


def _path(request: ModelRequest) -> list[object]:
    path = read_blocks(request.messages[1].content).get("path")
    assert isinstance(path, list)
    return list(path)


async def counted(admin: AsyncConnection, query: str) -> int:
    row = await (await admin.execute(query.encode())).fetchone()
    assert row is not None
    return row[0]


async def test_a_replay_of_a_large_task_asks_nobody_and_ends_the_same(
    open_harness: Opener, admin: AsyncConnection, workspace: Path
) -> None:
    opened, provider = await open_harness(Troubled())
    await opened.run("What colour is the lamp?", workspace=str(workspace))
    source = await opened.run("What colour is the lamp, again?", workspace=str(workspace))
    assert source.status == "done"
    assert source.agents == 1 + TEAM + TEAM * TEAM
    assert source.answer is not None
    assert source.answer.citations
    kinds = {event.kind for event in await events_of(opened, source.id)}
    assert kinds >= {"tool.failed", "tool.refused", "gate.refused", "model.retried", "artifact.stored"}
    recalled = [event for event in await events_of(opened, source.id) if event.kind == "recall.used"]
    assert recalled[0].data["records"], "the second task recalls the first"
    asked = len(provider.requests)
    (workspace / "note.md").write_text("The lamp is red.\n")
    exposed = await counted(admin, "SELECT count(*) FROM exposure")
    replay = await run_fork(opened, source.id)
    assert ended(replay) == ended(source)
    assert len(provider.requests) == asked
    assert await live_calls(opened, replay.id) == []
    assert replay.usage == source.usage
    assert await counted(admin, "SELECT count(*) FROM episode") == 2, "a replay teaches nothing"
    assert await counted(admin, "SELECT count(*) FROM exposure") == exposed


async def test_a_replay_has_artifacts_of_its_own(open_harness: Opener, workspace: Path) -> None:
    opened, _ = await open_harness(Troubled())
    source = await opened.run("What colour is the lamp?", workspace=str(workspace))
    replay = await run_fork(opened, source.id)
    kept: list[list[tuple[str, str, bytes]]] = []
    ids: set[str] = set()
    for task in (source.id, replay.id):
        found = await opened.platform.tasks.artifacts(opened.principal, task)
        read = [await opened.platform.tasks.artifact(opened.principal, each.id) for each in found]
        assert {view.task for view, _ in read} == {task}
        kept.append(sorted((view.name, view.sha256, content) for view, content in read))
        ids |= {str(view.id) for view, _ in read}
    assert kept[0] == kept[1] != []
    assert len(ids) == len(kept[0]) * 2
    told = [event.data for event in await events_of(opened, replay.id) if event.kind == "artifact.stored"]
    shown = [event.data for event in await events_of(opened, replay.id) if event.kind == "tool.finished"]
    named = {data["artifact"] for data in (*told, *shown) if data.get("artifact")}
    own = {str(each.id) for each in await opened.platform.tasks.artifacts(opened.principal, replay.id)}
    assert named == own


async def test_a_replay_tells_the_same_story(open_harness: Opener, workspace: Path) -> None:
    """Events of calls are those of the source, under the names of the fork, and say what they are."""
    opened, _ = await open_harness(Troubled())
    source = await opened.run("What colour is the lamp?", workspace=str(workspace))
    replay = await run_fork(opened, source.id)
    first, second = await events_of(opened, source.id), await events_of(opened, replay.id)
    told = [
        sorted(event.kind for event in events if event.kind not in {"model.retried", "memory.learned"})
        for events in (first, second)
    ]
    assert told[0] == told[1]
    marked = {event.kind for event in second if event.data.get("replayed")}
    assert marked >= {"model.started", "model.finished", "tool.failed", "recall.used", "gate.accepted"}
    assert not [event for event in first if event.data.get("replayed")]
    calls_of = {str(call.id) for call in await opened.platform.tasks.calls(opened.principal, replay.id, None)}
    assert {str(event.data["call"]) for event in second if "call" in event.data} == calls_of


async def die_after_planning(opened: Harness) -> None:
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)


async def test_a_worker_that_died_leaves_no_trace_in_what_is_asked(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """The children of a lead whose turn was repeated are granted what they would have been anyway."""
    first, _ = await open_harness(team(2, depth=2))
    task = await first.submit("plan within your means", budget={"tokens": 200_000})
    await die_after_planning(first)
    await admin.execute(LAPSED)
    second, provider = await open_harness(team(2, depth=2), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    source = await second.view(task)
    assert source.status == "done"
    asked = len(provider.requests)
    replay = await run_fork(second, task)
    assert ended(replay) == ended(source)
    assert len(provider.requests) == asked
    granted = [
        [agent.granted_tokens for agent in (await second.platform.tasks.tree(second.principal, each)).agents]
        for each in (task, replay.id)
    ]
    assert granted[0] == granted[1]


async def test_a_replay_of_a_replay(open_harness: Opener, workspace: Path) -> None:
    opened, provider = await open_harness(Troubled())
    source = await opened.run("What colour is the lamp?", workspace=str(workspace))
    asked = len(provider.requests)
    first = await run_fork(opened, source.id)
    second = await run_fork(opened, first.id)
    assert ended(second) == ended(source)
    assert len(provider.requests) == asked
