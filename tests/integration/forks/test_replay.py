"""A task run again from its record: nobody is asked, and everything ends as it did."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Script
from bench.support.scripts import NOTHING_FOUND, USAGE, calls, plan_of, says, team
from core.blocks import read_blocks
from core.errors import ModelUnavailable, ToolFailed
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest, ToolCall
from orchestrator.services.views import ArtifactView, CallView, EventView, TaskView
from tests.integration.forks.conftest import Opener, ended, events_of, live_calls, run_fork
from tools import ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
TEAM = 5
NOTE = "The lamp is green."


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "note.md").write_text(f"{NOTE}\n")
    return tmp_path


TOOLS = ("survey_files", "read_file", "write_artifact")


class Nothing(Arguments):
    pass


class Broken:
    """A tool that always fails."""

    spec = ToolSpec(name="broken", description="Fail.", arguments=Nothing, privilege="query")

    async def run(self, arguments: Nothing, context: ToolContext) -> ToolResult:
        raise ToolFailed("it is broken")


class Troubled:
    """A lead over five leads over five workers each, of whom no two do the same."""

    def __init__(self) -> None:
        self._failed = False

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
                return writes("notes", "What I saw.")
            case 0, _:
                return says({"status": "not_found", "findings": [], "summary": "Nothing to see."})
            case 1, 0:
                return calls("broken")
            case 1, 1:
                return calls("no_such_tool")
            case 2, _ if request.kind == "act":
                return says({"status": "perhaps"})
            case 3, _ if not self._failed:
                self._failed = True
                raise ModelUnavailable("cut off")
            case 4, 0:
                return calls("read_file", path="note.md")
            case 4, _:
                finding = {"file": "note.md", "line": 1, "quote": NOTE, "relevance": 0.9}
                return says({"status": "found", "findings": [finding]})
            case _:
                return says(NOTHING_FOUND)


def writes(name: str, content: str) -> ModelReply:
    call = ToolCall(id="w", name="write_artifact", arguments=json.dumps({"name": name, "content": content}))
    return ModelReply(tool_calls=(call,), finish_reason="tool_calls", usage=USAGE, model="scripted")


def _path(request: ModelRequest) -> list[object]:
    path = read_blocks(request.messages[1].content).get("path")
    assert isinstance(path, list)
    return list(path)


async def counted(admin: AsyncConnection, query: str) -> int:
    row = await (await admin.execute(query.encode())).fetchone()
    assert row is not None
    return row[0]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A task as the API tells it."""

    view: TaskView
    events: list[EventView]
    calls: list[CallView]
    artifacts: list[tuple[ArtifactView, bytes]]

    @property
    def kinds(self) -> list[str]:
        """Without what only happens when a model is really asked, and what comes after the end."""
        return sorted(e.kind for e in self.events if e.kind not in {"model.retried", "memory.learned"})

    @property
    def kept(self) -> list[tuple[str, str, bytes]]:
        return sorted((view.name, view.sha256, content) for view, content in self.artifacts)

    @property
    def artifact_ids(self) -> set[str]:
        return {str(view.id) for view, _ in self.artifacts}


async def told(opened: Harness, task: UUID) -> Told:
    tasks, principal = opened.platform.tasks, opened.principal
    found = await tasks.artifacts(principal, task)
    return Told(
        view=await opened.view(task),
        events=await events_of(opened, task),
        calls=await tasks.calls(principal, task, None),
        artifacts=[await tasks.artifact(principal, each.id) for each in found],
    )


@pytest.mark.timeout(120)
async def test_a_replay_of_a_large_task_asks_nobody_and_ends_the_same(
    open_harness: Opener, admin: AsyncConnection, workspace: Path
) -> None:
    scripts: list[Script] = [team(1), Troubled()]
    opened, provider = await open_harness(lambda request: scripts[0](request), extra_tools=[Broken()])
    await opened.run("What colour is the lamp?", workspace=str(workspace))
    del scripts[0]
    ended_task = await opened.run(
        "What colour is the lamp, again?", workspace=str(workspace), tools=[*TOOLS, "broken"]
    )
    source = await told(opened, ended_task.id)
    assert source.view.status == "done"
    assert source.view.agents == 1 + TEAM + TEAM * TEAM
    assert source.view.answer is not None
    assert source.view.answer.citations
    assert set(source.kinds) >= {"tool.failed", "tool.refused", "gate.refused", "artifact.stored"}
    assert "model.retried" in {event.kind for event in source.events}
    (recalled,) = [event for event in source.events if event.kind == "recall.used"]
    assert recalled.data["records"], "the task recalls the one before it"
    exposed = await counted(admin, "SELECT count(*) FROM exposure")
    (workspace / "note.md").write_text("The lamp is red.\n")
    provider.requests.clear()
    replay = await told(opened, (await run_fork(opened, source.view.id)).id)
    again = await told(opened, (await run_fork(opened, replay.view.id)).id)
    assert provider.requests == []
    for each in (replay, again):
        assert ended(each.view) == ended(source.view)
        assert each.view.usage == source.view.usage
        assert all(call.replayed for call in each.calls)
        assert_the_same_story(source, each)
        assert_artifacts_of_its_own(source, each)
    assert not [event for event in source.events if event.data.get("replayed")]
    assert await counted(admin, "SELECT count(*) FROM episode") == 2, "a replay teaches nothing"
    assert await counted(admin, "SELECT count(*) FROM exposure") == exposed


def assert_the_same_story(source: Told, replay: Told) -> None:
    """Events of calls are those of the source, under the names of the fork, and say what they are."""
    assert replay.kinds == source.kinds
    marked = {event.kind for event in replay.events if event.data.get("replayed")}
    assert marked >= {"model.started", "model.finished", "tool.failed", "recall.used", "artifact.stored"}
    named = {str(event.data["call"]) for event in replay.events if "call" in event.data}
    assert named <= {str(call.id) for call in replay.calls}


def assert_artifacts_of_its_own(source: Told, replay: Told) -> None:
    assert replay.kept == source.kept != []
    assert {view.task for view, _ in replay.artifacts} == {replay.view.id}
    assert replay.artifact_ids.isdisjoint(source.artifact_ids)
    named = {str(event.data["artifact"]) for event in replay.events if event.data.get("artifact")}
    assert named == replay.artifact_ids


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


async def test_a_replay_makes_no_call_where_the_record_ends(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(3))
    source = await opened.submit("stop half-way")
    await opened.step()
    await opened.platform.tasks.cancel(opened.principal, source)
    provider.requests.clear()
    replay = await run_fork(opened, source, replay=True)
    assert provider.requests == []
    assert replay.status != "running"
    assert set(await live_calls(opened, replay.id)) <= {"news"}, "only what lies in this very database"
