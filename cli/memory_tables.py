"""Records of memory as tables, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.render import one_line
from core.text import printable
from treehold import Episode, Found, Insight, Lift, Lineage, Link, Note, Receipt, Record, SearchResult

TEXT_CHARACTERS = 300


def found(result: SearchResult) -> Group:
    """A line for each record, and one for each that was held back."""
    table = _table("kind", "id", "like", "state", "scope", text="what it says")
    for one in result.found:
        state = f"{one.state}, unverified" if one.unverified and one.state == "active" else one.state
        table.add_row(one.kind, str(one.id), f"{one.similarity:.2f}", state, one.scope, _said(one))
    if not result.held_back:
        return Group(table)
    held = _table("held back", "id", "like", "state", "scope", text="why")
    for one in result.held_back:
        why = (one.held_back or "").replace("_", " ")
        held.add_row(one.kind, str(one.id), f"{one.similarity:.2f}", one.state, one.scope, Text(why))
    return Group(table, Text(), held)


def records(records: Sequence[Record]) -> Table:
    table = _table("kind", "id", "made", "state", "scope", text="what it says")
    for one in records:
        match one:
            case Episode():
                text = f"{one.goal} ({one.outcome})"
            case Insight():
                text = f"{one.about}: {one.text}"
            case Note():
                text = one.text
        made = one.created_at.astimezone().strftime("%m-%d %H:%M")
        table.add_row(
            one.kind, str(one.id), made, one.state, one.scope, Text(one_line(text, TEXT_CHARACTERS))
        )
    return table


def record(record: Record) -> Table:
    """A line for each thing there is to say."""
    rows: list[tuple[str, str | None]] = [
        ("id", str(record.id)),
        ("kind", record.kind),
        ("scope", record.scope),
        ("state", record.state),
        ("trust", record.trust),
        ("made", _time(record.created_at)),
    ]
    match record:
        case Episode():
            rows += [
                ("task", str(record.task)),
                ("goal", record.goal),
                ("outcome", record.outcome),
                ("conclusion", record.conclusion),
                ("steps", "\n".join(f"{step.title} ({step.status})" for step in record.steps)),
                ("key steps", "\n".join(record.key_steps)),
                ("why it failed", record.fail_reason),
                ("tools", "\n".join(f"{action.tool} {action.target}" for action in record.actions[:20])),
                ("origin", record.origin),
                ("gate", ", ".join(record.reasons)),
            ]
        case Insight():
            rows += [
                ("form", record.form),
                ("about", record.about),
                ("says", record.text),
                ("evidence", f"{record.supports} for, {record.contradictions} against"),
                ("worth", f"{record.worth:.2f}"),
                ("version", str(record.version)),
                ("retired for", record.retired_for),
                ("origins", "\n".join(record.origins)),
            ]
        case Note():
            place = None if record.position is None else f"place {record.position}"
            rows += [
                ("text", record.text),
                ("source", record.source),
                ("thread", ", ".join(part for part in (record.thread, place) if part)),
                ("said", record.at and _time(record.at)),
                ("expires", record.expires_at and _time(record.expires_at)),
                ("origin", record.origin),
                ("gate", ", ".join(record.reasons)),
            ]
    return _pairs((name, value) for name, value in rows if value)


def lineage(lineage: Lineage) -> Group:
    head = [
        ("record", f"{lineage.kind} {lineage.id}"),
        ("task", str(lineage.task) if lineage.task else ""),
        ("origins", "\n".join(f"{origin.kind} {origin.id}" for origin in lineage.origins)),
    ]
    parts: list[Table | Text] = [_pairs(pair for pair in head if pair[1])]
    parts += _links("rests on", lineage.rests_on)
    parts += _links("bears", lineage.bears)
    if lineage.versions:
        table = _table("version", "made", "by", text="how")
        for version in lineage.versions:
            by = version.model or "rule"
            table.add_row(str(version.version), _time(version.at), by, Text(version.op))
        parts += [Text(), table]
    if lineage.shown_to:
        table = _table("shown to task", "when", text="decision")
        for showing in lineage.shown_to:
            table.add_row(str(showing.task), _time(showing.at), Text(showing.decision.replace("_", " ")))
        parts += [Text(), table]
    return Group(*parts)


def lift(lift: Lift) -> str:
    arms = (
        f"shown to {lift.shown:,} tasks, of which {lift.shown_well:,} ended well; "
        f"held out of {lift.withheld:,}, of which {lift.withheld_well:,} did"
    )
    if lift.lift is None:
        return f"{arms}; too few to tell its lift"
    return f"{arms}: lift {lift.lift:+.2f}, between {lift.low:+.2f} and {lift.high:+.2f} (95 %)"


def receipt(receipt: Receipt) -> Group:
    counts = receipt.counts
    gone = ", ".join(
        counted(count, name)
        for name, count in (
            ("episode", counts.episodes),
            ("insight", counts.insights),
            ("note", counts.notes),
            ("utterance", counts.utterances),
        )
        if count
    )
    lines = [Text(f"forgotten: {gone}"), Text(f"receipt: {receipt.id}")]
    if counts.recomputed:
        lines.insert(1, Text(f"recomputed from what is left: {counted(counts.recomputed, 'insight')}"))
    table = _table("kind", "id", "because", "fate", text="sha-256")
    for one in receipt.records:
        table.add_row(one.kind, str(one.id), one.because, one.fate, Text(f"{one.digest[:12]}…"))
    if not receipt.shown_to:
        return Group(*lines, table)
    shown = Text(f"shown to {counted(len(receipt.shown_to), 'task')}, whose trace still tells of it:")
    return Group(*lines, table, shown, *(Text(f"  {task}") for task in receipt.shown_to))


def counted(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def _links(name: str, links: Sequence[Link]) -> list[Table | Text]:
    if not links:
        return []
    table = _table(name, "id", text="how")
    for link in links:
        table.add_row(link.kind, str(link.id), Text(link.relation.replace("_", " ")))
    return [Text(), table]


def _said(found: Found) -> Text:
    text = f"{found.title}: {found.text}" if found.title and found.text else found.title or found.text
    return Text(one_line(text, TEXT_CHARACTERS))


def _table(*names: str, text: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True, min_width=36 if name == "id" else None)
    table.add_column(text, overflow="fold")
    return table


def _pairs(pairs: Iterable[tuple[str, str | None]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(printable(value or "")))
    return table


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")
