"""What people see in a terminal: the tree of agents, the answer, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import treehold
from treehold import Agent, Answer, ModelDescription, Task

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


def summary(task: Task[Any]) -> Text:
    usage = task.usage
    line = Text()
    line.append(task.status, style=MARKS.get(task.status, ("", "bold"))[1])
    if task.stop_reason and task.stop_reason != "completed":
        line.append(f" ({task.stop_reason})")
    line.append(
        f" · {task.agents} agents · {usage.model_calls} model calls · {usage.tool_calls} tool calls"
        f" · {usage.tokens:,} tokens · ${usage.cost / 1e6:.4f}"
    )
    return line


def model_note(model: ModelDescription) -> Text:
    """Who answered; the offline model says what it is, and what to do for more."""
    if not model.offline:
        return Text(f"answered by {model.name}" + (f" at {model.base_url}" if model.base_url else ""))
    return Text(
        "The offline model answered: rules that quote your files, not a language model. For a real one: "
        "treehold run … --model NAME --base-url http://HOST:PORT/v1",
        style="yellow",
    )


def task_row(task: Task[Any]) -> tuple[str, str, str, str, str]:
    return (
        str(task.id),
        task.status,
        task.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        f"{task.usage.tokens:,}",
        _one_line(task.goal, 70),
    )


def _one_line(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
