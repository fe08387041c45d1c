"""`treehold run`: one task, from goal to answer, watched live."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.live import Live

from cli import options, render
from cli.session import Session, connect
from core.errors import InvalidInput
from treehold import Budget, Event, Task, TaskOptions, Tree, Treehold

LEARN_SECONDS = 5.0
"""How long a finished run waits for memory to take the task in, before it leaves that to a later process."""
LEARN_POLL_SECONDS = 0.05
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
    submission = _options(
        workspace=str(files.expanduser().resolve()) if files else None,
        output_schema=_schema(schema),
        budget=_budget(
            tokens=budget_tokens,
            cost=None if budget_cost is None else round(budget_cost * 1e6),
            tool_calls=budget_tool_calls,
            depth=depth,
            fanout=fanout,
            seconds=deadline,
        ),
        hosts=allow_host or None,
        tags=_tags(tag or []),
    )
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency
    )
    with connect(settings, server=server, key=key, workers=True) as session:
        task = session.client.submit(goal, **submission)
        try:
            tree = _watch(session.client, task, quiet=as_json)
        except KeyboardInterrupt:
            session.client.cancel(task.id)
            sys.stderr.write(f"interrupted: task {task.id} is cancelled\n")
            raise typer.Exit(130) from None
        if session.embedded:
            _await_learning(session.client, tree)
        _print(tree, session, as_json=as_json)
    raise typer.Exit(0 if tree.task.status == "done" else 1)


def _watch(client: Treehold, task: Task[Any], *, quiet: bool) -> Tree:
    """Follow the task to its end: a live tree where there is a terminal, lines where there is none."""
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


def _await_learning(client: Treehold, tree: Tree) -> None:
    """Memory takes the task in after the answer; the next process does it where this one is too slow."""
    end = time.monotonic() + LEARN_SECONDS
    after = tree.task.last_event
    while time.monotonic() < end:
        for event in client.events(tree.task.id, after=after):
            after = event.seq
            if event.kind == "memory.learned":
                return
        time.sleep(LEARN_POLL_SECONDS)


def _print(tree: Tree, session: Session, *, as_json: bool) -> None:
    task = tree.task
    trace_url = f"{session.site_url}/tasks/{task.id}"
    if as_json:
        sys.stdout.write(json.dumps(report(tree, trace_url), ensure_ascii=False) + "\n")
        return
    console = Console()
    console.print(render.agent_tree(tree))
    console.print()
    if task.answer is not None:
        console.print(render.answer(task.answer))
    if task.error is not None:
        console.print(f"{task.error.code}: {task.error.message}", style="red", markup=False)
    console.print(render.summary(task))
    console.print(render.model_note(task.model))
    hint = "  (open it with: treehold up)" if session.embedded else ""
    console.print(f"trace: {trace_url}{hint}", markup=False, highlight=False, soft_wrap=True)


def report(tree: Tree, trace_url: str) -> dict[str, Any]:
    """The object `--json` prints."""
    task = tree.task
    answer = task.answer
    given: Any = None
    if answer is not None:
        given = answer.output if task.output_schema is not None else answer.text
    return {
        "task_id": str(task.id),
        "status": task.status,
        "stop_reason": task.stop_reason,
        "answer": given,
        "text": answer.text if answer else None,
        "citations": [citation.model_dump() for citation in answer.citations] if answer else [],
        "notes": list(answer.notes) if answer else [],
        "partial": answer.partial if answer else False,
        "error": task.error.model_dump() if task.error else None,
        "agents": [
            {
                "id": str(agent.id),
                "parent": str(agent.parent) if agent.parent else None,
                "role": agent.role,
                "title": agent.title,
                "status": agent.status,
                "tokens": agent.usage.tokens,
                "seconds": agent.seconds,
            }
            for agent in tree.agents
        ],
        "usage": task.usage.model_dump(),
        "model": task.model.model_dump(),
        "trace_url": trace_url,
    }


def _schema(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read the schema file {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the schema file {str(path)!r} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"the schema file {str(path)!r} must hold a JSON object")
    return cast(dict[str, Any], found)


def _options(**given: Any) -> TaskOptions:
    return cast(TaskOptions, {name: value for name, value in given.items() if value is not None})


def _budget(**limits: float | None) -> Budget:
    return Budget.model_validate({name: limit for name, limit in limits.items() if limit is not None})


def _tags(pairs: list[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--tag wants name=value, not {pair!r}")
        tags[name] = value
    return tags
