"""`treehold run` with a model: the main job with a node, from outside the process."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from bench.support.replies import HttpError, text
from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import Fault, SmallModel, requests_of
from tests.acceptance.models.site import MODEL, MODEL_KEY, Finished, Site, holding, treehold

ROOT = Path(__file__).parents[3]
GOAL = "What laws hold under crashes, and how are they kept?"


def report(done: Finished) -> dict[str, Any]:
    """The one JSON object a command printed, after what holds for every command."""
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
async def home(folder: Path) -> Path:
    return Path(mkdtemp(dir=folder))


@pytest.fixture(scope="module")
async def node() -> ScriptedNode:
    return ScriptedNode(SmallModel(), models=[MODEL])


@pytest.fixture(scope="module")
async def done(node: ScriptedNode, home: Path) -> Finished:
    """The same job as `make run`, over this repository's own documents, in an empty home."""
    async with node:
        return await treehold(
            *("run", GOAL, "--files", ROOT / "docs", "--json", "--model", MODEL, "--base-url", node.base_url),
            home=home,
            settings={"TREEHOLD_API_KEY": MODEL_KEY, "TREEHOLD_MEMORY_LEARNING_TOKENS": "0"},
        )


async def test_the_main_job_is_done_by_a_team(done: Finished) -> None:
    told = report(done)
    assert (done.status, told["status"], told["stop_reason"]) == (0, "done", "completed"), done.stderr
    assert [agent["role"] for agent in told["agents"]] == ["lead", *["worker"] * 4]
    assert {agent["status"] for agent in told["agents"]} == {"done"}
    assert told["model"]["name"] == MODEL
    assert told["model"]["offline"] is False


async def test_its_citations_are_true(done: Finished) -> None:
    citations = report(done)["citations"]
    assert len(citations) >= 3
    for citation in citations:
        lines = (ROOT / "docs" / citation["file"]).read_text().splitlines()
        assert citation["quote"] in "\n".join(lines[citation["line"] - 1 :])
        assert citation["quote"].splitlines()[0] in lines[citation["line"] - 1]


async def test_the_plan_is_the_models(done: Finished, node: ScriptedNode) -> None:
    planned = [asked for asked in requests_of(GOAL, node.requests) if asked.moment == "plan"]
    assert len(planned) == 1
    said = json.loads(node.requests[-1]["messages"][2]["content"])
    titles = [step["title"] for step in said["subtasks"]]
    assert [agent["title"] for agent in report(done)["agents"]] == ["lead", *titles]


async def test_tools_are_called_by_the_models_calls_and_all_is_streamed(
    done: Finished, node: ScriptedNode
) -> None:
    asked = requests_of(GOAL, node.requests)
    assert all(request["stream"] is True for request in node.requests)
    told = [one for one in asked if one.moment == "report"]
    assert len(told) == 4
    for one in told:
        *_, called, result = one.request["messages"]
        assert called["tool_calls"][0]["function"]["name"] == "search_meaning"
        assert (result["role"], result["tool_call_id"]) == ("tool", called["tool_calls"][0]["id"])


async def test_the_prompts_of_a_fan_out_share_their_beginning(done: Finished, node: ScriptedNode) -> None:
    """Law 10: role, tools and goal are the same, and what was said before is never changed."""
    asked = requests_of(GOAL, node.requests)
    workers = [one.request for one in asked if one.moment == "act"]
    assert len({json.dumps([request["tools"], request["messages"][0]]) for request in workers}) == 1
    openings = [request["messages"][1]["content"].partition('<data name="path"')[0] for request in workers]
    assert len(set(openings)) == 1
    for one in asked:
        if one.moment == "report":
            before = next(
                request for request in workers if request["messages"] == one.request["messages"][:2]
            )
            assert before["tools"] == one.request["tools"]


async def test_the_key_goes_to_the_node_and_nowhere_else(
    done: Finished, node: ScriptedNode, home: Path
) -> None:
    assert {headers["Authorization"] for headers in node.headers} == {f"Bearer {MODEL_KEY}"}
    assert MODEL_KEY not in done.stdout + done.stderr
    assert holding(home, MODEL_KEY) == []


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (Fault(task="Exit one.", at={"plan"}, reply=HttpError(status=500)), 1, "model_unavailable"),
        (Fault(task="Exit three.", at={"report", "return"}, reply=text("no"), file="beta.md"), 3, None),
    ],
    ids=["lead", "worker"],
)
async def test_the_exit_status_tells(
    site: Site, workspace: Path, folder: Path, fault: Fault, status: int, error: str | None
) -> None:
    site.model.faults.append(fault)
    goal = f"How are backups kept? {fault.task}"
    done = await treehold(
        *("run", goal, "--files", workspace, "--json", "--server", site.url, "--key", site.key), home=folder
    )
    told = report(done)
    assert done.status == status
    assert (told["error"]["code"] if told["error"] else None) == error
    assert bool(told["notes"]) == (error is None)
