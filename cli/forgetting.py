"""`treehold memory forget`: with a receipt, and a proof if it is asked for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits, options
from cli.control import too_late
from cli.look import AsJson, task_id
from cli.memory_options import Kind, moment, record_id
from core.errors import InvalidInput

if TYPE_CHECKING:
    from treehold import Proof


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
        "record": None if record is None else record_id(record),
        "task": None if task is None else task_id(task),
        "key": None if by_key is None else record_id(by_key),
        "before": None if before is None else moment(before),
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


def _proven(proof: Proof) -> str:
    if proof.complete:
        return "looked again in tables, lineage and index: nothing is left"
    left = "; ".join(f"{one.kind} {one.id} in the {one.where}" for one in proof.remains)
    return f"looked again, and there is left: {left}"
