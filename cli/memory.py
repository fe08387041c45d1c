"""`treehold memory`: what tasks taught and people noted, searched, shown, added to, forgotten and carried."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli import exits, options
from cli.control import too_late
from cli.look import AsJson, task_id
from core.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import BaseModel

    from treehold import MemoryKind, Proof

app = typer.Typer(
    name="memory",
    help="What tasks taught and people noted.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


class Kind(StrEnum):
    EPISODE = "episode"
    INSIGHT = "insight"
    NOTE = "note"


KindArgument = Annotated[Kind, typer.Argument(help="What kind of record.")]
RecordId = Annotated[str, typer.Argument(help="The record's id, as search prints it.")]
Kinds = Annotated[list[Kind] | None, typer.Option("--kind", help="Only these kinds; repeatable.")]
Scope = Annotated[
    str | None, typer.Option("--scope", help="tenant, private, or team:NAME.", show_default=False)
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Only there; repeatable.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many, best first.")]


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What you look for.")],
    kind: Kinds = None,
    scope: Scopes = None,
    limit: Limit = 10,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Find records by meaning and by words. What the guard holds back is named, with why."""
    from cli import memory_tables, render
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        result = session.client.memory.search(query, kinds=_kinds(kind), scopes=scope or (), limit=limit)
    if as_json:
        _print(result)
    elif not result.found and not result.held_back:
        typer.echo("nothing in memory is like that")
    else:
        render.line_console().print(memory_tables.found(result))


@app.command("list")
def list_records(
    kind: KindArgument,
    scope: Scope = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """List records of a kind, newest first."""
    from cli import memory_tables, render
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        records = list(islice(session.client.memory.list(kind.value, scope=scope), limit))
    if as_json:
        sys.stdout.write(json.dumps([one.model_dump(mode="json") for one in records]) + "\n")
    elif not records:
        typer.echo(f"there are no {kind.value}s in memory")
    else:
        render.line_console().print(memory_tables.records(records))


@app.command()
def show(
    kind: KindArgument,
    record: RecordId,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Show one record, whole."""
    known = _record_id(record)
    from rich.console import Console

    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.get(kind.value, known)
    if as_json:
        _print(found)
    else:
        Console().print(memory_tables.record(found))


@app.command()
def add(
    text: Annotated[str, typer.Argument(help="What shall be found again.")],
    scope: Annotated[str, typer.Option("--scope", help="tenant, private, or team:NAME.")] = "tenant",
    source: Annotated[str, typer.Option("--source", help="Where it is from, in words.")] = "",
    thread: Annotated[str | None, typer.Option("--thread", help="What it is a part of.")] = None,
    position: Annotated[int | None, typer.Option("--position", min=0, help="Its place there.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it is to be forgotten: 2027-01-31.")
    ] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", help="An id of your own; repeating it changes nothing.")
    ] = None,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Give memory a note, to be found again by people and tasks."""
    asked = {
        "id": None if identifier is None else _record_id(identifier),
        "thread": thread,
        "position": position,
        "expires_at": None if expires is None else _moment(expires),
    }
    from cli.session import connect
    from treehold import NoteOptions

    given = NoteOptions(scope=scope, source=source)
    for name, value in asked.items():
        if value is not None:
            given[name] = value
    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        note = session.client.memory.add(text, **given)
    if as_json:
        _print(note)
        return
    typer.echo(f"note {note.id} is kept in {note.scope}")
    if note.state == "quarantined":
        typer.echo(f"it is quarantined and will not be recalled: {', '.join(note.reasons)}")


@app.command()
def lineage(
    kind: KindArgument,
    record: RecordId,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Tell what a record rests on, what rests on it, and which tasks were shown it."""
    known = _record_id(record)
    from rich.console import Console

    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.lineage(kind.value, known)
    if as_json:
        _print(found)
    else:
        Console().print(memory_tables.lineage(found))


@app.command()
def lift(
    insight: Annotated[str, typer.Argument(help="An insight's id.")],
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Tell how much better tasks end that were shown an insight than those it was held out of."""
    known = _record_id(insight)
    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.lift(known)
    if as_json:
        _print(found)
    else:
        typer.echo(memory_tables.lift(found))


@app.command()
def forget(
    kind: Annotated[Kind | None, typer.Argument(help="What kind of record.", show_default=False)] = None,
    record: Annotated[str | None, typer.Argument(help="The record's id.", show_default=False)] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="All that came of this task.", show_default=False)
    ] = None,
    by_key: Annotated[
        str | None,
        typer.Option("--of-key", help="All that this API key gave, by its id.", show_default=False),
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", help="All that is older: 2026-01-31.", show_default=False)
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Look again that nothing is left.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Forget a record, or all of a task, a key or a time, and what was made of it. It cannot be undone.

    Exit status 1 when something is left, or the task still runs.
    """
    wanted: dict[str, Any] = {
        "kind": None if kind is None else kind.value,
        "record": None if record is None else _record_id(record),
        "task": None if task is None else task_id(task),
        "key": None if by_key is None else _record_id(by_key),
        "before": None if before is None else _moment(before),
    }
    if (kind is None) != (record is None) or sum(
        value is not None for value in list(wanted.values())[1:]
    ) != 1:
        raise InvalidInput("say one thing to forget: KIND and ID, or --task, --of-key or --before")
    if not yes and sys.stdin.isatty():
        typer.confirm("This cannot be undone. Forget it?", abort=True, err=True)
    from rich.console import Console

    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        receipt = session.client.memory.forget(
            wanted["kind"], wanted["record"], task=wanted["task"], key=wanted["key"], before=wanted["before"]
        )
        proof = session.client.memory.verify(receipt) if verify else None
    if as_json:
        said = receipt.model_dump(mode="json") | (
            {} if proof is None else {"proof": proof.model_dump(mode="json")}
        )
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        Console().print(memory_tables.receipt(receipt))
        if proof is not None:
            typer.echo(_proven(proof))
    raise typer.Exit(exits.DONE if proof is None or proof.complete else exits.NOT_DONE)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; unset: to standard output.", show_default=False)
    ] = None,
    kind: Kinds = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Write memory as lines of JSON, as far as your key may see it."""
    from cli.session import connect

    count = -1
    with ExitStack() as stack:
        session = stack.enter_context(
            connect(options.settings(data=data), server=server, key=key, workers=False)
        )
        lines = session.client.memory.export(kinds=_kinds(kind))
        out = sys.stdout if file is None else stack.enter_context(_writing(file))
        for line in lines:
            out.write(line + "\n")
            count += 1
    if file is not None:
        typer.echo(f"{count:,} records written to {file}")


@app.command("import", epilog="Exit status: 0 all lines came in; 3 some did not, and were told.")
def import_(
    file: Annotated[Path, typer.Argument(help="Lines of an export, or of your own making.")],
    scope: Annotated[
        str | None,
        typer.Option("--scope", help="Where all of it goes; unset: where the lines say.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Take in lines of JSON; what is there already stays as it is."""
    try:
        opened = file.open("rb")
    except OSError as error:
        raise InvalidInput(f"cannot read {str(file)!r}: {error.strerror}") from error
    from cli.session import connect

    with (
        opened as lines,
        connect(options.settings(data=data), server=server, key=key, workers=False) as session,
    ):
        report = session.client.memory.import_(lines, scope=scope)
    if as_json:
        _print(report)
    else:
        taken = (
            ", ".join(f"{count:,} {kind}s" for kind, count in sorted(report.imported.items())) or "nothing"
        )
        typer.echo(f"taken in: {taken}; known already: {report.known:,}")
        if report.held:
            typer.echo(
                f"{report.held:,} of them are kept out of prompts: the write gate found something in them"
            )
        for bad in report.errors:
            typer.echo(f"line {bad.line}: {bad.message}", err=True)
    raise typer.Exit(exits.PARTIAL if report.errors else exits.DONE)


def _kinds(kinds: list[Kind] | None) -> tuple[MemoryKind, ...]:
    return tuple(kind.value for kind in kinds or ())


def _print(value: BaseModel) -> None:
    sys.stdout.write(value.model_dump_json() + "\n")


def _proven(proof: Proof) -> str:
    if proof.complete:
        return f"looked again: nothing is left of {proof.checked:,} records, in tables, lineage or index"
    left = "; ".join(f"{one.kind} {one.id} in the {one.where}" for one in proof.remains)
    return f"looked again, and there is left: {left}"


def _writing(file: Path) -> Any:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {str(file)!r}: {error.strerror}") from error


def _record_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no id: treehold memory search and list print them") from error


def _moment(text: str) -> datetime:
    """A day begins at midnight of this machine's own time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no date: write it as 2026-01-31 or 2026-01-31T09:00") from error
    return moment if moment.tzinfo else moment.astimezone()
