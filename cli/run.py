"""`treehold run`: one task, from goal to answer, watched live."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from core.errors import InvalidInput

if TYPE_CHECKING:
    from cli.session import Session
    from treehold import Tree, Treehold

LEARN_SECONDS = 5.0
"""How long a finished run waits for memory to take the task in, before it leaves that to a later process."""
LEARN_POLL_SECONDS = 0.02


class TaintedSinks(StrEnum):
    ASK = "ask"
    REFUSE = "refuse"


def run(
    goal: Annotated[str, typer.Argument(help="What you want done or answered.")],
    files: Annotated[Path | None, typer.Option("--files", "-f", help="Folder the agents may read.")] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="JSON Schema file that the answer must match.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    budget_tokens: options.BudgetTokens = None,
    budget_cost: options.BudgetCost = None,
    budget_tool_calls: options.BudgetToolCalls = None,
    depth: options.Depth = None,
    fanout: options.Fanout = None,
    deadline: options.Deadline = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Host that http_get may reach; repeatable.")
    ] = None,
    approve: Annotated[
        list[str] | None, typer.Option("--approve", help="Tool that must ask you first; repeatable.")
    ] = None,
    allow_value: Annotated[
        list[str] | None,
        typer.Option("--allow", help="Value that may go to a sensitive place, as recipient:ada@example.org."),
    ] = None,
    tainted_sinks: Annotated[
        TaintedSinks, typer.Option(help="What happens to a call with a value there that you did not write.")
    ] = TaintedSinks.ASK,
    memory: Annotated[
        bool,
        typer.Option("--memory/--no-memory", help="Recall what earlier tasks taught, and teach later ones."),
    ] = True,
    tag: options.Tag = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Run a task now and print its answer."""
    from cli import ending, submission
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
        allow=allow_value or None,
        tainted_sinks=tainted_sinks.value,
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
        tree = ending.attend(session, session.client.submit(goal, **submitted), quiet=as_json)
        status = ending.tell(tree, session, as_json=as_json)
        if session.embedded and memory:
            _await_learning(session, tree)
    raise typer.Exit(status)


def _refuse_without_files(client: Treehold) -> None:
    if client.model().offline:
        raise InvalidInput("the offline model can only quote files: name a folder with --files, or a --model")


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
