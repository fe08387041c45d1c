"""How a task ended, for a terminal: agents, answer, sources, figures, and why it is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import treehold
from cli import render
from core.text import printable
from treehold import Answer, Citation, ModelDescription, Task


def show(
    console: Console, tree: treehold.Tree, trace: str, *, budget: treehold.TaskBudget | None = None
) -> None:
    """All but the verdict; what is left of a budget with limits where it is given."""
    task = tree.task
    console.print(render.agent_tree(tree))
    console.print()
    if task.answer is not None:
        console.print(_answer(task.answer))
        if task.output_schema is not None:
            console.print(_json(task.answer.output), soft_wrap=True, markup=False, highlight=False)
    console.print(_figures(task))
    if budget is not None:
        for line in _accounts(budget):
            console.print(line)
    console.print(_model_note(task.model))
    console.print(f"trace: {trace}", markup=False, highlight=False, soft_wrap=True)


def verdict(task: Task[Any]) -> str | None:
    """Why a task has no answer or only part of one, and what to do about it; None for a whole one."""
    if task.status == "cancelled":
        return "not done: it was cancelled"
    if task.error is not None:
        return f"not done: {_cut_short(task) or printable(task.error.message)}"
    if not is_partial(task):
        return None
    return f"partial: {_cut_short(task) or 'parts of the answer are missing, as the notes and the text say'}"


def is_partial(task: Task[Any]) -> bool:
    return task.answer is not None and (task.answer.partial or _limit(task) is not None)


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """What ran out, how much of it there was, and the option that gives more to a fork or another run."""

    what: str
    spent: Callable[[Task[Any]], str] | None = None
    option: str | None = None
    shapes: bool = False
    """Whether it is a limit on plans, which a fork does not make again."""


def _seconds(task: Task[Any]) -> str:
    ended = task.finished_at or task.created_at
    return f"{(ended - task.created_at).total_seconds():.0f} of {task.budget.seconds or 0:g} seconds"


_LIMITS: Mapping[str, _Limit] = {
    "tokens": _Limit(
        what="the token budget ran out",
        spent=lambda task: (
            f"{task.usage.tokens:,} of {task.budget.tokens or 0:,} used, the rest too few to go on"
        ),
        option="--budget-tokens",
    ),
    "cost": _Limit(
        what="the money ran out",
        spent=lambda task: f"${task.usage.cost / 1e6:.4f} of ${(task.budget.cost or 0) / 1e6:.4f} spent",
        option="--budget-cost",
    ),
    "tool_calls": _Limit(
        what="the tool calls ran out",
        spent=lambda task: f"{task.usage.tool_calls:,} of {task.budget.tool_calls or 0:,} made",
        option="--budget-tool-calls",
    ),
    "depth": _Limit(
        what="agents may not be nested deeper",
        spent=lambda task: f"at most {task.budget.depth} below the root",
        option="--depth",
        shapes=True,
    ),
    "fanout": _Limit(
        what="an agent may not have more children",
        spent=lambda task: f"at most {task.budget.fanout}",
        option="--fanout",
        shapes=True,
    ),
    "deadline": _Limit(what="the time ran out", spent=_seconds, option="--deadline"),
    "model_calls": _Limit(
        what="an agent used up its model calls", spent=lambda task: f"at most {task.budget.model_calls} each"
    ),
    "loop": _Limit(what="an agent went round in circles and was stopped"),
}


def _limit(task: Task[Any]) -> _Limit | None:
    named = task.answer.limit if task.answer else None
    return _LIMITS.get(named or task.stop_reason or "")


def _cut_short(task: Task[Any]) -> str | None:
    limit = _limit(task)
    if limit is None:
        return None
    spent = f" ({limit.spent(task)})" if limit.spent else ""
    return f"{limit.what}{spent}{_remedy(task, limit)}"


def _remedy(task: Task[Any], limit: _Limit) -> str:
    if limit.option is None:
        return ""
    if limit.shapes:
        return f"; run it again with more: {limit.option}"
    return f"; go on with more: treehold fork {task.id} {limit.option} N"


def _answer(given: Answer) -> RenderableType:
    text = printable(given.text)
    parts: list[RenderableType] = [Text(text)]
    if given.citations:
        parts += [Text(""), _sources(given.citations, text)]
    parts += [Text(f"note: {printable(note)}", style="yellow") for note in given.notes]
    title = "Answer (partial)" if given.partial else "Answer"
    return Panel(Group(*parts), title=title, title_align="left", border_style="green")


def _sources(citations: tuple[Citation, ...], text: str) -> Table:
    """Where each number of the text leads; a quote that the text itself gives is not given again."""
    sources = Table.grid(padding=(0, 1))
    told = " ".join(text.split())
    for number, citation in enumerate(citations, 1):
        quote = render.one_line(citation.quote, 160)
        known = " ".join(printable(citation.quote).split()) in told
        row = [Text(f"[{number}]"), Text(_place(citation), style="cyan")]
        sources.add_row(*row, Text("" if known else quote, style="dim"))
    return sources


def _place(citation: Citation) -> str:
    more = citation.quote.strip("\n").count("\n")
    lines = f"{citation.line}-{citation.line + more}" if more else f"{citation.line}"
    page = f" (page {citation.page})" if citation.page else ""
    return f"{printable(citation.file)}:{lines}{page}"


def _json(value: JsonValue) -> str:
    """Indented, and with whatever a terminal would obey escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(
        character if character in printable(character) else json.dumps(character)[1:-1] for character in text
    )


def _figures(task: Task[Any]) -> Text:
    usage = task.usage
    line = Text()
    line.append(task.status, style=render.MARKS.get(task.status, ("", "bold"))[1])
    counts = ((task.agents, "agent"), (usage.model_calls, "model call"), (usage.tool_calls, "tool call"))
    for count, what in counts:
        line.append(f" · {count:,} {what}{'' if count == 1 else 's'}")
    line.append(f" · {usage.tokens:,} tokens · ${usage.cost / 1e6:.4f}")
    return line


_AMOUNTS: Mapping[str, Callable[[int], str]] = {
    "tokens": lambda amount: f"{amount:,} tokens",
    "cost": lambda amount: f"${amount / 1e6:.4f}",
    "tool_calls": lambda amount: f"{amount:,} tool calls",
}


def _accounts(budget: treehold.TaskBudget) -> Iterator[str]:
    """How the root's grant stands, in each unit that has a limit."""
    for unit in budget.accounts[0].units if budget.accounts else ():
        shown = _AMOUNTS.get(unit.unit)
        if shown is None or unit.granted is None:
            continue
        parts = [f"{shown(unit.spent)} spent"]
        if unit.reserved:
            parts.append(f"{shown(unit.reserved)} held for calls in flight")
        if unit.delegated:
            parts.append(f"{shown(unit.delegated)} with other agents")
        yield f"budget: {shown(unit.granted)}: {', '.join(parts)}, {shown(unit.left or 0)} left"


def _model_note(model: ModelDescription) -> Text:
    """Who answered; the offline model says what it is, and what to do for more."""
    if not model.offline:
        return Text(f"model: {model.name}" + (f" at {model.base_url}" if model.base_url else ""))
    return Text(
        "The offline model answered: rules that quote your files, not a language model. For a real one, give "
        "treehold run (or up) --model NAME --base-url http://HOST:PORT/v1",
        style="yellow",
    )
