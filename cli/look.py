"""`treehold tasks | show | cancel`: look at tasks and stop them."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from cli import options, render
from cli.report import report
from cli.session import connect

TaskId = Annotated[UUID, typer.Argument(help="A task's id.")]


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
    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = [
            task
            for task, _ in zip(
                session.client.list(status=status.value if status else None), range(limit), strict=False
            )
        ]
    if as_json:
        sys.stdout.write(json.dumps([task.model_dump(mode="json") for task in found]) + "\n")
        return
    if not found:
        typer.echo('no tasks yet; start one: treehold run "your question" --files FOLDER')
        return
    console = render.line_console()
    console.print(render.task_table(found, width=console.width))


def show(
    task: TaskId,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Show a task: its agents, its answer, its figures."""
    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        tree = session.client.tree(task)
        url = f"{session.site_url}/tasks/{task}"
    if as_json:
        sys.stdout.write(json.dumps(report(tree, url), ensure_ascii=False) + "\n")
        return
    render.result(Console(), tree, url)


def cancel(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Stop a task and all its agents."""
    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        stopped = session.client.cancel(task)
    typer.echo(f"task {stopped.id} is {stopped.status}")
