"""Pausing, and deciding about calls, from another terminal than the one that waits."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.cli.conftest import Command, Finished, Server, one_paragraph, start
from tests.acceptance.cli.folders import FACTS, filled

ASKED = re.compile(r"to decide: treehold approve (\S+), or: treehold deny \1")
FACT = FACTS[0]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return filled(tmp_path / "given", FACT)


@contextmanager
def asking(
    environment: dict[str, str], folder: Path, *options: str
) -> Generator[tuple[subprocess.Popen[str], str]]:
    """`treehold run`, and the approval that it says it waits for."""
    arguments = ("run", FACT.question, "--files", str(folder), "--approve", "survey_files", *options)
    with start(environment, *arguments) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if (found := ASKED.search(line)) is not None:
                yield running, found[1]
                return
    raise AssertionError("nothing was asked")


def ended(running: subprocess.Popen[str]) -> Finished:
    out, err = running.communicate(timeout=60)
    return Finished(status=running.returncode, out=out, err=err)


def test_a_run_says_what_it_waits_for_and_goes_on_when_it_is_given(
    server: Server, environment: dict[str, str], treehold: Command, given: Path
) -> None:
    with asking(environment, given, "--json") as (running, approval):
        listed = treehold("approvals", "--status", "pending", "--json")
        (mine,) = [each for each in json.loads(listed.out) if each["id"] == approval]
        assert mine["tool"] == "survey_files"
        shown = treehold("approvals", "--task", mine["task"])
        assert approval in shown.out
        arguments = json.dumps(mine["arguments"] | {"limit": 1})
        approved = treehold("approve", approval, "--arguments", arguments, "--note", "one will do")
        assert (approved.status, approved.out) == (0, "survey_files is approved\n")
        finished = ended(running)
    assert finished.status == 0
    assert FACT.told in finished.json["answer"]
    late = treehold("deny", approval)
    assert late.status == 1
    assert one_paragraph(late.err)
    assert "was approved with other arguments" in late.err


def test_a_denied_call_is_not_made(
    server: Server, environment: dict[str, str], treehold: Command, given: Path
) -> None:
    with asking(environment, given) as (running, approval):
        assert treehold("deny", approval).status == 0
        finished = ended(running)
    assert finished.status == 1
    assert "cannot be surveyed" in finished.err


def test_a_paused_run_goes_on_when_it_is_resumed(
    server: Server, environment: dict[str, str], treehold: Command, given: Path
) -> None:
    with asking(environment, given, "--json") as (running, approval):
        (mine,) = json.loads(treehold("approvals", "--status", "pending", "--json").out)
        paused = treehold("pause", mine["task"])
        assert (paused.status, f"treehold resume {mine['task']}" in paused.out) == (0, True)
        assert treehold("approve", approval).status == 0
        assert json.loads(treehold("show", mine["task"], "--json").out)["status"] == "running"
        assert treehold("resume", mine["task"]).status == 0
        assert ended(running).status == 0
    late = treehold("pause", mine["task"])
    assert late.status == 1
    assert "already done" in late.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("approve", "one"), "'one' is not an approval's id: treehold approvals lists them"),
        (("approve", str(uuid4()), "--arguments", "{"), "--arguments is not JSON"),
        (("approve", str(uuid4()), "--arguments", "[]"), "--arguments must be a JSON object"),
        (("deny", str(uuid4())), "no approval"),
        (("pause", str(uuid4())), "no task"),
        (("resume", "one"), "'one' is not a task id"),
    ],
)
def test_bad_input_says_what_to_do(
    server: Server, treehold: Command, arguments: tuple[str, ...], said: str
) -> None:
    refused = treehold(*arguments)
    assert (refused.status, refused.out) == (2, "")
    assert one_paragraph(refused.err)
    assert said in refused.err
