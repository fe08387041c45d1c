"""`treehold steer`: say something to a task while it runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli import exits, look, options
from core.errors import Conflict, InvalidInput
from core.text import printable

if TYPE_CHECKING:
    from treehold import Message, Treehold

CONCLUDING = frozenset({"message.applied", "message.answered", "message.refused"})


class Kind(StrEnum):
    ADD = "add"
    REVISE = "revise"
    RETRACT = "retract"
    ASK = "ask"
    SAY = "say"


def steer(
    task: look.TaskId,
    kind: Annotated[
        Kind,
        typer.Argument(
            help="add a step, revise or retract the step --node names, ask how the work stands, or say it in "
            "your own words.",
            show_choices=True,
        ),
    ],
    text: Annotated[str, typer.Argument(help="The step's question, or what you ask or say.")] = "",
    node: Annotated[
        str | None, typer.Option("--node", help="A step, by its key, which treehold show TASK names.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it took effect, or was answered.")] = False,
    as_json: look.AsJson = False,
    server: options.Server = None,
    key: options.Key = None,
    data: options.DataDir = None,
) -> None:
    """Say something to a task while it runs. Exit status 1 when it takes no effect."""
    known = look.task_id(task)
    if node is None and kind in {Kind.REVISE, Kind.RETRACT}:
        raise InvalidInput(
            f"{kind.value} is about one step: name it with --node; treehold show lists the steps"
        )
    from cli.session import connect

    with connect(options.settings(data=data), server=server, key=key, workers=wait) as session:
        message = _sent(session.client, known, kind, text, node)
        if wait:
            message = _concluded(session.client, message, task)
    if as_json:
        sys.stdout.write(message.model_dump_json() + "\n")
    else:
        typer.echo(_in_words(message))
    raise typer.Exit(exits.NOT_DONE if message.status == "refused" else exits.DONE)


def _sent(client: Treehold, task: UUID, kind: Kind, text: str, node: str | None) -> Message:
    """Raises `Conflict` where the task takes no more messages."""
    from treehold import Conflict as Refused

    try:
        return client.send(task, kind.value, text, node=node)
    except Refused as error:
        raise Conflict(str(error).removesuffix(f" ({error.code})")) from error


def _concluded(client: Treehold, message: Message, task: str) -> Message:
    """The message, once something came of it; a task that ends concludes all its messages."""
    for event in client.stream(task):
        if event.kind in CONCLUDING and event.data.get("id") == str(message.id):
            break
    return next(each for each in client.messages(task) if each.id == message.id)


def _in_words(message: Message) -> str:
    match message.status:
        case "applied" if message.reply is not None:
            return printable(message.reply)
        case "applied":
            return f"message {message.number} took effect at event {message.applied_at_event}"
        case "refused":
            why = message.error.message if message.error else "refused"
            return printable(f"message {message.number} takes no effect: {why}")
        case _:
            return f"message {message.number} is kept, and takes effect when its lead comes to it"
