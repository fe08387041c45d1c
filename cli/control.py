"""`treehold pause | resume`: let a task stand still, and go on."""

from __future__ import annotations

import typer

from cli import options
from cli.look import TaskId, task_id


def pause(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Let no agent of a task begin anything; calls in flight finish."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        session.client.pause(known)
    typer.echo(f"task {known} is paused; to go on: treehold resume {known}")


def resume(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Let a paused task go on; its deadline moves on by the time it was paused."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        session.client.resume(known)
        embedded = session.embedded
    typer.echo(f"task {known} goes on")
    if embedded:
        typer.echo("it is worked on while a treehold runs; to have one: treehold up")
