"""The snippets of the SDK's README, run as they stand."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from api import RunningServer
from tests.unit.api.fakes import KEY, FakeApprovals, FakeTasks
from treehold import Treehold

README = Path(__file__).parents[3] / "sdk/README.md"
SNIPPETS: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)


async def test_the_snippet_runs(
    server: RunningServer,
    tasks: FakeTasks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    snippet, _ = SNIPPETS
    monkeypatch.setenv("TREEHOLD_URL", server.url)
    monkeypatch.setenv("TREEHOLD_KEY", KEY)
    running = asyncio.create_task(asyncio.to_thread(exec, snippet, {"__name__": "snippet"}))
    await tasks.followed_by(1)
    (task,) = tasks.ids
    assert tasks.submissions[0].budget.tokens == 50_000
    await tasks.finish(task)
    await running
    assert capsys.readouterr().out.splitlines() == [
        "1 task.submitted",
        "2 task.finished",
        "10",
        "docs/laws.md:3: ten seconds",
    ]


async def test_the_snippet_that_decides_runs(
    server: RunningServer, approvals: FakeApprovals, capsys: pytest.CaptureFixture[str]
) -> None:
    _, snippet = SNIPPETS

    def run() -> None:
        with Treehold(server.url, KEY) as client:
            approvals.add(client.submit("Tell them").id)
            exec(snippet, {"client": client})

    await asyncio.to_thread(run)
    (approval,) = approvals.added.values()
    assert (approval.status, approval.note) == ("approved", "go ahead")
    assert capsys.readouterr().out == "send_mail {'to': 'team@example.org'} ('to',)\n"
