"""What people see in a terminal: the tree of agents, the answer, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import treehold
from treehold import Agent, Answer, ModelDescription, Task

WIDE = 110
"""Columns from which on a list of tasks has room for all it can say."""

UNBOUNDED = 1000
"""Columns where lines go to a file or a pipe."""

MARKS: Mapping[str, tuple[str, str]] = {
    "ready": ("·", "dim"),
    "running": ("▸", "cyan"),
    "waiting": ("…", "yellow"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("■", "dim"),
}


def agent_tree(tree: treehold.Tree) -> Tree:
    """All agents, nested, with status, tokens and time."""
    children: dict[UUID | None, list[Agent]] = {}
    for agent in tree.agents:
        children.setdefault(agent.parent, []).append(agent)
    root = Tree(Text(_one_line(tree.task.goal, 100), style="bold"), guide_style="dim")
    _grow(root, children, None)
    return root


def _grow(branch: Tree, children: Mapping[UUID | None, Sequence[Agent]], parent: UUID | None) -> None:
    for agent in sorted(children.get(parent, []), key=lambda agent: agent.position):
        _grow(branch.add(agent_line(agent)), children, agent.id)


def agent_line(agent: Agent) -> Text:
    mark, style = MARKS[agent.status]
    line = Text(f"{mark} ", style=style)
    line.append(f"{agent.role} ", style="bold")
    line.append(_one_line(agent.title, 60))
    status = f"waiting for {agent.waiting_on}" if agent.waiting_on else agent.status
    figures = f"  {status} · {agent.usage.tokens:,} tokens · {agent.seconds:.2f} s"
    if agent.usage.cost:
        figures += f" · ${agent.usage.cost / 1e6:.4f}"
    line.append(figures, style="dim")
    if agent.error is not None:
        line.append(f"  {agent.error.code}: {_one_line(agent.error.message, 100)}", style="red")
    return line


def answer(given: Answer) -> RenderableType:
    parts: list[RenderableType] = [Text(given.text)]
    if given.citations:
        sources = Table.grid(padding=(0, 1))
        for number, citation in enumerate(given.citations, 1):
            place = Text(f"{citation.file}:{citation.line}", style="cyan")
            sources.add_row(Text(f"[{number}]"), place, Text(_one_line(citation.quote, 160), style="dim"))
        parts += [Text(""), sources]
    parts += [Text(f"note: {note}", style="yellow") for note in given.notes]
    title = "Answer (partial)" if given.partial else "Answer"
    return Panel(Group(*parts), title=title, title_align="left", border_style="green")


def result(console: Console, tree: treehold.Tree, trace_url: str) -> None:
    """A task that has ended, whole: agents, answer, figures, who answered, and where to see more."""
    task = tree.task
    console.print(agent_tree(tree))
    console.print()
    if task.answer is not None:
        console.print(answer(task.answer))
    if task.error is not None:
        console.print(Text(advice(task), style="red"))
    console.print(summary(task))
    console.print(model_note(task.model))
    console.print(f"trace: {trace_url}", markup=False, highlight=False, soft_wrap=True)


_OPTIONS: Mapping[str, str] = {
    "tokens": "--budget-tokens",
    "cost": "--budget-cost",
    "tool_calls": "--budget-tool-calls",
    "depth": "--depth",
    "fanout": "--fanout",
    "deadline": "--deadline",
}


def advice(task: Task[Any]) -> str:
    """Why a task is not done, and what to do about it."""
    if task.error is None:
        return task.stop_reason or task.status
    option = _OPTIONS.get(task.stop_reason or "")
    more = f"; run it again with more: {option}" if option else ""
    return f"{task.error.message}{more}"


def summary(task: Task[Any]) -> Text:
    usage = task.usage
    line = Text()
    line.append(task.status, style=MARKS.get(task.status, ("", "bold"))[1])
    if task.stop_reason and task.stop_reason != "completed":
        line.append(f" ({task.stop_reason})")
    counts = ((task.agents, "agent"), (usage.model_calls, "model call"), (usage.tool_calls, "tool call"))
    for count, what in counts:
        line.append(f" · {count:,} {what}{'' if count == 1 else 's'}")
    line.append(f" · {usage.tokens:,} tokens · ${usage.cost / 1e6:.4f}")
    return line


def model_note(model: ModelDescription) -> Text:
    """Who answered; the offline model says what it is, and what to do for more."""
    if not model.offline:
        return Text(f"model: {model.name}" + (f" at {model.base_url}" if model.base_url else ""))
    return Text(
        "The offline model answered: rules that quote your files, not a language model. For a real one: "
        "treehold run … --model NAME --base-url http://HOST:PORT/v1",
        style="yellow",
    )


def line_console() -> Console:
    """For a line each: as wide as the terminal, and without an end where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=UNBOUNDED)


def task_table(tasks: Sequence[Task[Any]], *, width: int) -> Table:
    """Tasks as lines whose ids can be copied whole; goals are cut to the width."""
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True, min_width=36)
    table.add_column("status", no_wrap=True, min_width=len("cancelled") if wide else None)
    table.add_column("submitted", no_wrap=True)
    if wide:
        table.add_column("tokens", no_wrap=True, justify="right")
    table.add_column("goal", no_wrap=True, overflow="ellipsis")
    for task in tasks:
        submitted = task.created_at.astimezone().strftime("%Y-%m-%d %H:%M" if wide else "%m-%d %H:%M")
        figures = [f"{task.usage.tokens:,}"] if wide else []
        table.add_row(str(task.id), task.status, submitted, *figures, Text(_one_line(task.goal, 200)))
    return table


def _one_line(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
