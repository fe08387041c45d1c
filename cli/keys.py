"""`treehold keys`: API keys of this machine's own server, or of the database that the settings name."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from cli import options
from cli.look import AsJson

app = typer.Typer(
    name="keys", help="API keys, their scopes and teams.", rich_markup_mode=None, no_args_is_help=True
)


class Permission(StrEnum):
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    MEMORY_READ = "memory:read"
    MEMORY_WRITE = "memory:write"
    ADMIN = "admin"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is, in words.")],
    team: Annotated[
        list[str] | None, typer.Option("--team", help="A team whose memory it shares; repeatable.")
    ] = None,
    permission: Annotated[
        list[Permission] | None,
        typer.Option("--scope", help="What it may do; repeatable. Default: all but admin."),
    ] = None,
    data: options.DataDir = None,
) -> None:
    """Make a key and print it, once: nobody can read it again."""
    from orchestrator.site import ALL_SCOPES, add_key

    scopes = frozenset(one.value for one in permission) if permission else ALL_SCOPES
    secret = add_key(options.settings(data=data), name=name, scopes=scopes, teams=frozenset(team or ()))
    typer.echo(secret)


@app.command("list")
def list_keys(as_json: AsJson = False, data: options.DataDir = None) -> None:
    """List keys by their ids; their secrets are not kept."""
    from cli import render
    from orchestrator.site import known_keys

    known = known_keys(options.settings(data=data))
    if as_json:
        sys.stdout.write(json.dumps([asdict(key) | {"id": str(key.id)} for key in known]) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("key", "name", "scopes", "teams"):
        table.add_column(column, no_wrap=column == "key")
    for key in known:
        name = f"{key.name} (revoked)" if key.revoked else key.name
        table.add_row(str(key.id), Text(name), ", ".join(key.scopes), Text(", ".join(key.teams)))
    render.line_console().print(table)
