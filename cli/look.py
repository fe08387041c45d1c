"""`treehold tasks | show | cancel`: look at tasks and stop them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli import options
from core.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from cli.session import Session
    from treehold import Task, Tree, Treehold

TaskId = Annotated[str, typer.Argument(help="A task's id.")]


class Status(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def tasks(
    status: Annotated[Status | None, typer.Option(help="Only tasks in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """List tasks, newest first."""
    from cli import render
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = list(islice(session.client.list(status=status.value if status else None), limit))
    if as_json:
        sys.stdout.write(json.dumps([task.model_dump(mode="json") for task in found]) + "\n")
        return
    if not found:
        typer.echo('no tasks yet; start one: treehold run "your question" --files FOLDER')
        return
    console = render.line_console()
    console.print(render.task_table(found, width=console.width))
    _say_who_works(session, found)


def show(
    task: TaskId,
    revision: Annotated[
        int | None, typer.Option("--revision", min=0, help="Show the plan as it was after this revision.")
    ] = None,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Show a task: its agents, its answer, its figures; or its plan as it was."""
    known = task_id(task)
    from rich.console import Console

    from cli import outcome
    from cli.report import report
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        if revision is not None:
            plan = _as_it_was(session.client, known, revision)
            _show_plan(plan, as_json=as_json)
            return
        tree, budget = session.client.tree(known), session.client.budget(known)
    url = session.trace_url(known)
    if as_json:
        sys.stdout.write(json.dumps(report(tree, url), ensure_ascii=False) + "\n")
        return
    outcome.show(Console(), tree, url + session.trace_hint, budget=budget)
    _say_who_works(session, [tree.task])
    verdict = outcome.verdict(tree.task)
    if verdict is not None:
        typer.echo(verdict)


def _as_it_was(client: Treehold, task: UUID, revision: int) -> Tree:
    """Raises `InvalidInput` for a revision that is not there yet."""
    from treehold import InvalidRequest

    try:
        return client.tree(task, revision=revision)
    except InvalidRequest as error:
        raise InvalidInput(str(error).removesuffix(f" ({error.code})")) from error


def _show_plan(tree: Tree, *, as_json: bool) -> None:
    if as_json:
        steps = [node.model_dump(mode="json") for node in tree.nodes]
        sys.stdout.write(json.dumps({"revision": tree.revision, "steps": steps}) + "\n")
        return
    from cli import render

    render.line_console().print(render.plan_table(tree))


def cancel(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Stop a task and all its agents. Exit status 1 when it has already ended."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        before = session.client.get(known)
        if before.finished:
            raise Conflict(f"there is nothing to stop: task {known} is already {before.status}")
        stopped = session.client.cancel(known)
    typer.echo(f"task {stopped.id} is {stopped.status}")


def _say_who_works(session: Session, tasks: Sequence[Task[Any]]) -> None:
    """A task outlives the process that began it, and goes on in the next one that has a worker."""
    if session.embedded and any(not task.finished for task in tasks):
        typer.echo("what is running goes on while a treehold works on it; to have one: treehold up")


def task_id(text: str) -> UUID:
    """Raises `InvalidInput` for what is no id."""
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a task id: treehold tasks lists them") from error
