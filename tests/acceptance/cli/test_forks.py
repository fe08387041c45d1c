"""`treehold fork` and `treehold replay`, over what the offline model did."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.cli.conftest import Command, Server
from tests.acceptance.cli.folders import FACTS, filled


@pytest.fixture
def place(server: Server) -> tuple[str, ...]:
    return ("--server", server.url, "--key", server.key)


def test_a_replay_ends_the_same_although_the_folder_is_gone(
    ask: Command, treehold: Command, place: tuple[str, ...], tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", *FACTS[:3])
    source = ask("What is known about the lighthouse?", folder).json
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    replay = treehold("replay", source["task_id"], "--json", *place)
    assert replay.status == 0, replay.err
    found = replay.json
    assert found["same"]
    assert found["live"] == 0
    assert found["calls"] >= source["usage"]["model_calls"]
    told = treehold("replay", source["task_id"], *place)
    assert f"ended the same: 0 of its {found['calls']} calls were made anew" in told.out


def test_a_fork_is_followed_to_its_end(
    ask: Command, treehold: Command, place: tuple[str, ...], tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", *FACTS[:3])
    source = ask("What is known about the lighthouse?", folder).json
    fork = treehold("fork", source["task_id"], "--event", "1", "--tag", "why=doubt", "--json", *place)
    assert fork.status == 0, fork.err
    assert fork.json["task_id"] != source["task_id"]
    assert fork.json["answer"] == source["answer"]
    shown = treehold("fork", source["task_id"], *place)
    assert shown.status == 0
    assert f"forked from task {source['task_id']}" in shown.err


def test_more_budget_goes_on_where_less_ended(
    ask: Command, treehold: Command, place: tuple[str, ...], tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", *FACTS[:3])
    source = ask("What is known about the lighthouse?", folder, "--budget-tokens", "5000")
    assert source.status == 3
    more = treehold("fork", source.json["task_id"], "--budget-tokens", "500000", "--json", *place)
    assert more.json["stop_reason"] == "completed"
    assert more.json["citations"]


@pytest.mark.parametrize("command", ["fork", "replay"])
def test_what_cannot_be_forked(treehold: Command, place: tuple[str, ...], command: str) -> None:
    nothing = treehold(command, str(uuid4()), *place)
    assert nothing.status == 2
    assert "no task" in nothing.err
    assert "is not a task id" in treehold(command, "what", *place).err
