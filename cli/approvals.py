"""`treehold approvals | approve | deny`: calls of agents that wait for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import typer

from cli import options
from cli.control import too_late
from cli.look import AsJson, task_id
from core.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from treehold import Approval

ApprovalId = Annotated[str, typer.Argument(help="An approval's id.")]
Note = Annotated[str | None, typer.Option("--note", help="What the agent shall read.", show_default=False)]


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def approvals(
    status: Annotated[Status | None, typer.Option(help="Only those in this state; default: all.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only those of this task.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """List calls that wait for a person, or did, newest first."""
    known = None if task is None else task_id(task)
    from cli import render
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session:
        wanted = session.client.approvals(status=status.value if status else None, task=known)
        found = list(islice(wanted, limit))
    if as_json:
        sys.stdout.write(json.dumps([each.model_dump(mode="json") for each in found]) + "\n")
        return
    if not found:
        typer.echo("nothing waits for a decision" if status is Status.PENDING else "there are no approvals")
        return
    render.line_console().print(_table(found))


def approve(
    approval: ApprovalId,
    arguments: Annotated[
        str | None,
        typer.Option("--arguments", help="JSON object in place of the agent's.", show_default=False),
    ] = None,
    note: Note = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Let a call run. Exit status 1 when it was decided otherwise."""
    known, given = _approval_id(approval), _object(arguments)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        decided = session.client.approve(known, arguments=given, note=note)
    typer.echo(f"{decided.tool} is approved")


def deny(
    approval: ApprovalId,
    note: Note = None,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Do not let a call run; its agent is told. Exit status 1 when it was decided otherwise."""
    known = _approval_id(approval)
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=False) as session, too_late():
        decided = session.client.deny(known, note=note)
    typer.echo(f"{decided.tool} is denied")


def _table(found: list[Approval]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from cli.render import one_line

    table = Table(box=None, pad_edge=False)
    table.add_column("approval", no_wrap=True, min_width=36)
    for name in ("status", "expires", "why"):
        table.add_column(name, no_wrap=True)
    table.add_column("call", overflow="fold")
    for each in found:
        call = f"{each.tool} {json.dumps(each.arguments, ensure_ascii=False)}"
        table.add_row(
            str(each.id),
            each.status,
            each.expires_at.astimezone().strftime("%m-%d %H:%M"),
            Text(_why(each)),
            Text(one_line(call, 500)),
        )
    return table


def _why(approval: Approval) -> str:
    if approval.kind == "unknown_outcome":
        return "lost in the call"
    tainted = approval.evidence.tainted_arguments
    return f"not your words: {', '.join(tainted)}" if tainted else "asks first"


def _approval_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not an approval's id: treehold approvals lists them") from error


def _object(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"--arguments is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput('--arguments must be a JSON object, such as {"to": "team@example.org"}')
    return cast(dict[str, Any], value)
