"""Law 10: an agent's prompt only grows, and begins with what is most shared."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from bench.support.scripts import calls, team
from inference.model import Message, ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener


@pytest.fixture
def broker_url() -> str:
    """One is enough: what agents are told does not hang on it."""
    return "memory://"


def busy(request: ModelRequest) -> ModelReply:
    """Workers call a few tools before they return."""
    spoken = sum(message.role == "assistant" for message in request.messages)
    if request.kind == "act" and spoken < 3:
        return calls("calculate", expression=f"{spoken} + 1")
    return team(3, depth=2)(request)


async def test_an_agents_prompt_only_grows(open_harness: Opener) -> None:
    opened, provider = await open_harness(busy)
    await opened.run("grow", budget={"depth": 2})
    lives: dict[str, list[tuple[Message, ...]]] = defaultdict(list)
    for request in provider.requests:
        lives[request.messages[1].content].append(request.messages)
    assert max(map(len, lives.values())) >= 4
    for prompts in lives.values():
        for earlier, later in pairwise(prompts):
            assert later[: len(earlier)] == earlier


async def test_workers_of_a_task_share_their_beginning(open_harness: Opener) -> None:
    opened, provider = await open_harness(busy)
    await opened.run("share")
    workers = [request for request in provider.requests if request.kind == "act"]
    assert len({request.messages[0].content for request in workers}) == 1
    assert len({tuple(tool.name for tool in request.tools) for request in workers}) == 1
    names = [tool.name for tool in workers[0].tools]
    assert names == sorted(names)
    openings = {request.messages[1].content.split('<data name="path"')[0] for request in workers}
    assert len(openings) == 1, "the task's goal stands before what is a worker's own"


async def test_a_worker_gets_its_brief_and_nothing_else_of_its_parent(
    open_harness: Opener, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("alpha is the first letter\n")
    (tmp_path / "b.txt").write_text("beta is the second letter\n")
    opened, provider = await open_harness(team(2))
    await opened.run("letters", workspace=str(tmp_path))
    plan = next(request for request in provider.requests if request.kind == "plan")
    worker = next(request for request in provider.requests if request.kind == "act")
    assert "a.txt" in plan.messages[1].content
    assert "a.txt" not in worker.messages[1].content, "it was given no inputs, so it knows of none"
    assert plan.messages[0].content != worker.messages[0].content
