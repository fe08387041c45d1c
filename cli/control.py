"""`treehold pause | resume`: let a task stand still, and go on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer

from cli import options
from cli.look import TaskId, task_id
from core.errors import Conflict


@contextmanager
def too_late() -> Generator[None]:
    """What has ended or was decided is no bad input, but not done. Raises `Conflict` of ours."""
    import treehold

    try:
        yield
    except treehold.Conflict as error:
        raise Conflict(str(error).removesuffix(f" ({error.code})")) from error


def pause(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Let no agent of a task begin anything; calls in flight finish. Exit status 1 when it has ended."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        session.client.pause(known)
    typer.echo(f"task {known} is paused; to go on: treehold resume {known}")


def resume(
    task: TaskId,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Let a paused task go on; its deadline moves on by that time. Exit status 1 when it has ended."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        session.client.resume(known)
        embedded = session.embedded
    typer.echo(f"task {known} goes on")
    if embedded:
        typer.echo("it is worked on while a treehold runs; to have one: treehold up")
