"""A task that a command began: watched to its end, which is then told."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from cli import exits, outcome, watch
from cli.interrupts import Interrupted
from cli.report import report
from cli.session import Session
from treehold import Task, Tree, Treehold, TreeholdError


def attend(session: Session, task: Task[Any], *, quiet: bool) -> Tree:
    """Show what a task does until it ends; who interrupts that cancels it.

    Raises:
        Interrupted: somebody did.
    """
    session.interrupt.answer_with(lambda: _cancel(session.client, task))
    tree = watch.watch(session.client, task, session.interrupt, remedy=_remedy(session), quiet=quiet)
    session.interrupt.wait()
    if session.interrupt.asked:
        raise Interrupted(f"interrupted; task {task.id} is {tree.task.status}")
    return tree


def tell(tree: Tree, session: Session, *, as_json: bool) -> int:
    """Print how a task ended; returns the exit status."""
    task = tree.task
    trace_url = session.trace_url(task.id)
    if as_json:
        sys.stdout.write(json.dumps(report(tree, trace_url), ensure_ascii=False) + "\n")
    else:
        outcome.show(Console(), tree, trace_url + session.trace_hint)
    sys.stdout.flush()
    verdict = outcome.verdict(task)
    if verdict is not None:
        sys.stderr.write(f"treehold: {verdict}\n")
    if task.error is not None and task.error.code == "internal" and session.log is not None:
        sys.stderr.write(f"treehold: its log: {session.log}\n")
    if task.status != "done":
        return exits.NOT_DONE
    return exits.PARTIAL if outcome.is_partial(task) else exits.DONE


def _remedy(session: Session) -> str:
    if session.embedded:
        return f"the worker of this process may still be starting; if one fails, {session.log} tells why"
    return "all of that server's workers are busy or slow, or none runs: see what its log says"


def _cancel(client: Treehold, task: Task[Any]) -> None:
    try:
        client.cancel(task.id)
    except TreeholdError as error:
        sys.stderr.write(f"treehold: the task goes on, for {error}; press Ctrl-C again to leave it\n")
