"""`treehold memory export | import`: memory carried out and in, as lines of JSON."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cli import exits, options
from cli.look import AsJson
from cli.memory_options import Kinds, kinds_of, put
from core.errors import InvalidInput

EPILOG = "Exit status: 0 all lines came in; 3 some did not, and were told."


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
        lines = session.client.memory.export(kinds=kinds_of(kind))
        out = sys.stdout if file is None else stack.enter_context(_writing(file))
        for line in lines:
            out.write(line + "\n")
            count += 1
    if file is not None:
        typer.echo(f"{count:,} records written to {file}")


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
    from cli.memory_tables import counted

    if as_json:
        put(report)
    else:
        taken = (
            ", ".join(counted(count, kind) for kind, count in sorted(report.imported.items())) or "nothing"
        )
        typer.echo(f"taken in: {taken}; known already: {report.known:,}")
        if report.held:
            typer.echo(
                f"{report.held:,} of them are kept out of prompts: the write gate found something in them"
            )
        for bad in report.errors:
            typer.echo(f"line {bad.line}: {bad.message}", err=True)
    raise typer.Exit(exits.PARTIAL if report.errors else exits.DONE)


def _writing(file: Path) -> TextIO:
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {str(file)!r}: {error.strerror}") from error
