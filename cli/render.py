"""Agents as a tree and tasks as a table, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import treehold
from core.text import clipped, printable
from treehold import Agent, Task

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
    """All agents, nested, with status, tokens and time; each error once, and the task's own not at all.

    Behind the agent at work on a step stands the step's key.
    """
    children: dict[UUID | None, list[Agent]] = {}
    for agent in tree.agents:
        children.setdefault(agent.parent, []).append(agent)
    root = Tree(Text(one_line(tree.task.goal, 100), style="bold"), guide_style="dim")
    said = {tree.task.error.message} if tree.task.error else set[str]()
    keys = {node.agent: node.key for node in tree.nodes if node.agent is not None}
    _grow(root, children, None, said, keys)
    return root


def _grow(
    branch: Tree,
    children: Mapping[UUID | None, Sequence[Agent]],
    parent: UUID | None,
    said: set[str],
    keys: Mapping[UUID, str],
) -> None:
    for agent in sorted(children.get(parent, []), key=lambda agent: agent.position):
        line = _agent_line(agent, keys.get(agent.id))
        if agent.error is not None and agent.error.message not in said:
            said.add(agent.error.message)
            line.append(f"  {one_line(agent.error.message, 100)}", style="red")
        _grow(branch.add(line), children, agent.id, said, keys)


def _agent_line(agent: Agent, key: str | None) -> Text:
    """The lead of a task has no better title than its role."""
    mark, style = MARKS[agent.status]
    line = Text(f"{mark} ", style=style)
    line.append(agent.role, style="bold")
    if agent.title != agent.role:
        line.append(f" {one_line(agent.title, 60)}")
    if key is not None:
        line.append(f" ({key})", style="dim")
    status = f"waiting for {agent.waiting_on}" if agent.waiting_on else agent.status
    figures = f"  {status} · {agent.usage.tokens:,} tokens · {agent.seconds:.2f} s"
    if agent.usage.cost:
        figures += f" · ${agent.usage.cost / 1e6:.4f}"
    line.append(figures, style="dim")
    return line


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
        status = "partial" if task.answer is not None and task.answer.partial else task.status
        table.add_row(str(task.id), status, submitted, *figures, Text(one_line(task.goal, 200)))
    return table


def plan_table(tree: treehold.Tree) -> Table:
    """The steps of a plan, and what they rest on, by their keys."""
    keys = {node.id: node.key for node in tree.nodes}
    table = Table("step", "status", "rests on", "title", box=None, pad_edge=False)
    for node in tree.nodes:
        below = [keys[each] for each in node.depends_on if each in keys]
        if node.shares is not None and node.shares in keys:
            below.append(f"= {keys[node.shares]}")
        table.add_row(node.key, node.status, ", ".join(below), Text(one_line(node.title, 100)))
    table.caption = f"the plan after revision {tree.revision}"
    return table


def one_line(text: str, limit: int) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    return clipped(" ".join(printable(text).split()), limit)
