"""`treehold feedback`: say how good a task's result is."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from cli.control import too_late
from cli.look import TaskId, task_id


def feedback(
    task: TaskId,
    score: Annotated[float, typer.Argument(min=0, max=1, help="From 0, worthless, to 1, just right.")],
    note: Annotated[
        str | None, typer.Option("--note", help="Why; it is kept, and not recalled.", show_default=False)
    ] = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Say how good a task's result is: memory credits what the task was shown. Status 1 while it runs."""
    known = task_id(task)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        judged = session.client.feedback(known, score, note=note)
    typer.echo(f"task {known} is taken for {judged.score:g}")
    for insight in judged.retired:
        typer.echo(f"insight {insight} is retired: tasks end worse with it")
