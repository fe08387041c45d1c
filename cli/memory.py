"""`treehold memory`: what tasks taught and people noted, searched, shown, added to, forgotten and carried."""

from __future__ import annotations

import json
import sys
from itertools import islice
from typing import Annotated

import typer

from cli import carrying, forgetting, options
from cli.control import too_late
from cli.look import AsJson
from cli.memory_options import (
    KindArgument,
    Kinds,
    Limit,
    RecordId,
    Scope,
    Scopes,
    kinds_of,
    moment,
    put,
    record_id,
)

app = typer.Typer(
    name="memory",
    help="What tasks taught and people noted.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


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
        result = session.client.memory.search(query, kinds=kinds_of(kind), scopes=scope or (), limit=limit)
    if as_json:
        put(result)
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
    known = record_id(record)
    from rich.console import Console

    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.get(kind.value, known)
    if as_json:
        put(found)
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
        "id": None if identifier is None else record_id(identifier),
        "thread": thread,
        "position": position,
        "expires_at": None if expires is None else moment(expires),
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
        put(note)
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
    known = record_id(record)
    from rich.console import Console

    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.lineage(kind.value, known)
    if as_json:
        put(found)
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
    known = record_id(insight)
    from cli import memory_tables
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        found = session.client.memory.lift(known)
    if as_json:
        put(found)
    else:
        typer.echo(memory_tables.lift(found))


app.command()(forgetting.forget)
app.command()(carrying.export)
app.command("import", epilog=carrying.EPILOG)(carrying.import_)
