"""`treehold run`: one task, from goal to answer, watched live."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits, options
from cli.interrupts import Interrupted
from core.errors import InvalidInput

if TYPE_CHECKING:
    from cli.session import Session
    from treehold import Task, Tree, Treehold

LEARN_SECONDS = 5.0
"""How long a finished run waits for memory to take the task in, before it leaves that to a later process."""
LEARN_POLL_SECONDS = 0.02


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
        float | None, typer.Option("--deadline", min=0.001, help="Seconds, from its submission.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Host that http_get may reach; repeatable.")
    ] = None,
    approve: Annotated[
        list[str] | None, typer.Option("--approve", help="Tool that must ask you first; repeatable.")
    ] = None,
    memory: Annotated[
        bool,
        typer.Option("--memory/--no-memory", help="Recall what earlier tasks taught, and teach later ones."),
    ] = True,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="name=value; repeatable.")] = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Run a task now and print its answer."""
    from cli import submission, watch
    from cli.session import connect

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
        approve=approve or None,
        memory=memory,
        tags=submission.tags(tag or []),
    )
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency
    )
    engine = options.given(model=model, base_url=base_url, api_key=api_key, concurrency=concurrency)
    with connect(settings, server=server, key=key, workers=True, engine=engine) as session:
        if files is None:
            _refuse_without_files(session.client)
        task = session.client.submit(goal, **submitted)
        session.interrupt.answer_with(lambda: _cancel(session.client, task))
        tree = watch.watch(session.client, task, session.interrupt, remedy=_remedy(session), quiet=as_json)
        session.interrupt.wait()
        if session.interrupt.asked:
            raise Interrupted(f"interrupted; task {task.id} is {tree.task.status}")
        status = _print(tree, session, as_json=as_json)
        if session.embedded and memory:
            _await_learning(session, tree)
    raise typer.Exit(status)


def _refuse_without_files(client: Treehold) -> None:
    if client.model().offline:
        raise InvalidInput("the offline model can only quote files: name a folder with --files, or a --model")


def _remedy(session: Session) -> str:
    if session.embedded:
        return f"the worker of this process may still be starting; what goes wrong is logged in {session.log}"
    return "start one beside that server (treehold worker), or see what its log says"


def _cancel(client: Treehold, task: Task[Any]) -> None:
    from treehold import TreeholdError

    try:
        client.cancel(task.id)
    except TreeholdError as error:
        sys.stderr.write(f"treehold: the task goes on, for {error}; press Ctrl-C again to leave it\n")


def _await_learning(session: Session, tree: Tree) -> None:
    """Memory takes the task in after the answer; the next process does it where this one is too slow."""
    end = time.monotonic() + LEARN_SECONDS
    after = tree.task.last_event - 1
    while time.monotonic() < end and not session.interrupt.asked:
        for event in session.client.events(tree.task.id, after=after):
            after = event.seq
            if event.kind in {"memory.learned", "memory.failed"}:
                return
        time.sleep(LEARN_POLL_SECONDS)


def _print(tree: Tree, session: Session, *, as_json: bool) -> int:
    """Returns the exit status."""
    from rich.console import Console

    from cli import outcome
    from cli.report import report

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
