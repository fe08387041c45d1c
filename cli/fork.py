"""`treehold fork | replay`: begin again with what a task recorded, and check that record."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits, options
from cli.look import AsJson, TaskId, task_id
from core.errors import Conflict

if TYPE_CHECKING:
    from treehold import ForkOptions, Task


def fork(
    task: TaskId,
    event: Annotated[
        int | None,
        typer.Option("--event", min=1, help="The last event that counts; default: the last of all."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    budget_tokens: options.BudgetTokens = None,
    budget_cost: options.BudgetCost = None,
    budget_tool_calls: options.BudgetToolCalls = None,
    depth: options.Depth = None,
    fanout: options.Fanout = None,
    deadline: options.Deadline = None,
    tag: options.Tag = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Begin a new task with what a task recorded up to an event; what follows is done anew.

    Limits that are given replace the task's own.
    """
    known = task_id(task)
    from cli import ending, submission
    from cli.session import connect

    wanted: ForkOptions = {}
    budget = submission.budget(
        dollars=budget_cost,
        seconds=deadline,
        tokens=budget_tokens,
        tool_calls=budget_tool_calls,
        depth=depth,
        fanout=fanout,
    )
    if budget.model_fields_set:
        wanted["budget"] = budget
    if event is not None:
        wanted["event"] = event
    if tag:
        wanted["tags"] = submission.tags(tag)
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency
    )
    engine = options.given(model=model, base_url=base_url, api_key=api_key, concurrency=concurrency)
    with connect(settings, server=server, key=key, workers=True, engine=engine) as session:
        tree = ending.attend(session, session.client.fork(known, **wanted), quiet=as_json)
        status = ending.tell(tree, session, as_json=as_json)
    raise typer.Exit(status)


def replay(
    task: TaskId,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Run a task that has ended again from its record, and compare. Exit status 1 when it ends otherwise."""
    known = task_id(task)
    from cli import ending
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=True) as session:
        source = session.client.get(known)
        if not source.finished:
            raise Conflict(f"task {known} still runs: a replay needs its end")
        if source.status == "cancelled":
            raise Conflict(f"task {known} was cancelled: go on with it by `treehold fork {known}`")
        tree = ending.attend(session, session.client.fork(known, replay=True), quiet=True)
        calls = session.client.calls(tree.task)
    live = sum(not call.replayed for call in calls)
    same = _end(tree.task) == _end(source)
    if as_json:
        found = {"task_id": str(known), "replay_id": str(tree.task.id), "same": same}
        sys.stdout.write(json.dumps(found | {"calls": len(calls), "live": live}) + "\n")
    else:
        verdict = "ended the same" if same else "ended otherwise"
        typer.echo(
            f"task {tree.task.id}, the replay, {verdict}: {live:,} of its {len(calls):,} calls were made anew"
        )
    raise typer.Exit(exits.DONE if same else exits.NOT_DONE)


def _end(task: Task[Any]) -> tuple[object, ...]:
    return task.status, task.stop_reason, task.answer, task.error
