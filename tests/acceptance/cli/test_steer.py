"""`treehold steer`: what is said is kept, also where nobody works, and takes effect once somebody does."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.acceptance.cli.conftest import SECONDS, Finished, start
from tests.acceptance.cli.folders import FACTS, filled

GOAL = "What is the lighthouse keeper called?"


def run(environment: dict[str, str], *arguments: str) -> Finished:
    with start(environment, *arguments) as running:
        out, err = running.communicate(timeout=SECONDS)
    return Finished(status=running.returncode, out=out, err=err)


def killed(environment: dict[str, str], folder: Path) -> str:
    """A task whose process is killed as it begins; its id."""
    with start(environment, "run", GOAL, "--files", str(folder)) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("submitted with ")
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=SECONDS)
    newest = json.loads(run(environment, "tasks", "--json").out)[0]
    assert newest["status"] == "running"
    return newest["id"]


def test_what_is_said_to_a_task_that_nobody_works_on_takes_effect_later(
    alone: dict[str, str], tmp_path: Path
) -> None:
    task = killed(alone, filled(tmp_path / "given", *FACTS[:3]))
    kept = run(alone, "steer", task, "add", "Who else is named?")
    assert (kept.status, kept.err) == (0, "")
    assert kept.out.startswith("message 1 is kept")
    answered = run(alone, "steer", task, "ask", "How far are you?", "--wait")
    assert (answered.status, answered.err) == (0, "")
    assert answered.out.startswith("Of ")
    shown = run(alone, "show", task, "--json").json
    assert "Who else is named?" in [step["title"] for step in shown["steps"]]


def test_what_cannot_be_said_is_refused_in_a_sentence(alone: dict[str, str], tmp_path: Path) -> None:
    done = run(alone, "run", GOAL, "--files", str(filled(tmp_path / "given", FACTS[0])), "--json")
    task = done.json["task_id"]
    over = run(alone, "steer", task, "ask", "How far are you?")
    assert (over.status, over.out) == (1, "")
    assert over.err == "treehold: the task has ended: it takes no more messages\n"
    nameless = run(alone, "steer", task, "revise", "Say it again")
    assert nameless.status == 2
    assert "name it with --node" in nameless.err
