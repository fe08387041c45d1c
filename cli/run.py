"""`treehold run`: one task, from goal to answer, watched live."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from cli import options, render, submission
from cli.interrupts import Interrupted
from cli.report import report
from cli.session import Session, connect
from treehold import Event, Task, Tree, Treehold, TreeholdError

LEARN_SECONDS = 5.0
"""How long a finished run waits for memory to take the task in, before it leaves that to a later process."""
LEARN_POLL_SECONDS = 0.02
REFRESH_SECONDS = 0.2


def run(
    goal: Annotated[str, typer.Argument(help="What you want done or answered.")],
    files: Annotated[Path | None, typer.Option("--files", "-f", help="Folder the agents may read.")] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="JSON Schema file that the answer must match.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", min=0, help="Tokens all agents may use together.")
    ] = None,
    budget_cost: Annotated[
        float | None, typer.Option("--budget-cost", min=0, help="Dollars all agents may spend together.")
    ] = None,
    budget_tool_calls: Annotated[
        int | None, typer.Option("--budget-tool-calls", min=0, help="Tool calls of all agents together.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=0, help="Levels of agents below the root.")
    ] = None,
    fanout: Annotated[int | None, typer.Option("--fanout", min=0, help="Children an agent may have.")] = None,
    deadline: Annotated[
        float | None, typer.Option("--deadline", min=0.001, help="Seconds for the task.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Host that http_get may reach; repeatable.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="name=value; repeatable.")] = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Run a task now and print its answer. Exit status: 0 done, 1 not done, 2 bad input, 130 interrupted."""
    goal = submission.goal_text(goal)
    submitted = submission.options(
        workspace=submission.workspace(files, remote=server is not None),
        output_schema=submission.schema(schema),
        budget=submission.budget(
            dollars=budget_cost,
            seconds=deadline,
            tokens=budget_tokens,
            tool_calls=budget_tool_calls,
            depth=depth,
            fanout=fanout,
        ),
        hosts=allow_host or None,
        tags=submission.tags(tag or []),
    )
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency
    )
    with connect(settings, server=server, key=key, workers=True) as session:
        task = session.client.submit(goal, **submitted)
        session.interrupt.answer_with(lambda: _cancel(session.client, task))
        tree = _watch(session.client, task, quiet=as_json)
        session.interrupt.wait()
        if session.interrupt.asked:
            raise Interrupted(f"interrupted; task {task.id} is {tree.task.status}")
        _print(tree, session, as_json=as_json)
        if session.embedded:
            _await_learning(session, tree)
    raise typer.Exit(0 if tree.task.status == "done" else 1)


def _cancel(client: Treehold, task: Task[Any]) -> None:
    try:
        client.cancel(task.id)
    except TreeholdError as error:
        sys.stderr.write(f"treehold: the task goes on, for {error}; press Ctrl-C again to leave it\n")


def _watch(client: Treehold, task: Task[Any], *, quiet: bool) -> Tree:
    """Follow the task to its end, with a live tree in a terminal and lines elsewhere."""
    console = Console(stderr=True)
    if quiet:
        return _follow(client, task, lambda _: None)
    if not console.is_terminal:
        return _follow(client, task, lambda event: _print_event(console, event))
    with Live(console=console, refresh_per_second=1 / REFRESH_SECONDS, transient=True) as live:

        def show(_: Event) -> None:
            live.update(render.agent_tree(client.tree(task.id)))

        return _follow(client, task, show)


def _follow(client: Treehold, task: Task[Any], seen: Callable[[Event], None]) -> Tree:
    for event in client.stream(task.id):
        seen(event)
    return client.tree(task.id)


_TOLD = frozenset({"agent.spawned", "agent.finished", "agent.failed", "recall.used", "tool.refused"})


def _print_event(console: Console, event: Event) -> None:
    """A line for what matters, for logs and pipes."""
    if event.kind in _TOLD:
        facts = {
            name: event.data[name] for name in ("role", "title", "code", "message") if name in event.data
        }
        told = " ".join(str(fact) for fact in facts.values())
        console.print(f"{event.seq:>5} {event.kind} {told}", markup=False, highlight=False, soft_wrap=True)


def _await_learning(session: Session, tree: Tree) -> None:
    """Memory takes the task in after the answer; the next process does it where this one is too slow."""
    end = time.monotonic() + LEARN_SECONDS
    after = tree.task.last_event - 1
    while time.monotonic() < end and not session.interrupt.asked:
        for event in session.client.events(tree.task.id, after=after):
            after = event.seq
            if event.kind == "memory.learned":
                return
        time.sleep(LEARN_POLL_SECONDS)


def _print(tree: Tree, session: Session, *, as_json: bool) -> None:
    task = tree.task
    trace_url = f"{session.site_url}/tasks/{task.id}"
    if as_json:
        sys.stdout.write(json.dumps(report(tree, trace_url), ensure_ascii=False) + "\n")
    else:
        hint = "  (open it with: treehold up)" if session.embedded else ""
        render.result(Console(), tree, trace_url + hint)
    sys.stdout.flush()
    if task.error is not None:
        sys.stderr.write(f"treehold: not done: {render.advice(task)}\n")
        if task.error.code == "internal" and session.log is not None:
            sys.stderr.write(f"treehold: its log: {session.log}\n")
