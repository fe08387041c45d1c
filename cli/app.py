"""The commands of `treehold`. Nothing heavy is imported before a command runs, so that help comes at once."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    approvals,
    control,
    doctor,
    exits,
    feedback,
    fork,
    index,
    keys,
    look,
    memory,
    run,
    serve,
    steer,
)
from cli.interrupts import Interrupted

app = typer.Typer(
    name="treehold",
    help="Teams of agents on models you host yourself.",
    epilog=exits.IN_WORDS,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=exits.IN_WORDS)(run.run)
app.command()(serve.up)
app.command()(look.tasks)
app.command()(look.show)
app.command()(look.cancel)
app.command(epilog=exits.IN_WORDS)(fork.fork)
app.command()(fork.replay)
app.command()(control.pause)
app.command()(control.resume)
app.command()(approvals.approvals)
app.command()(approvals.approve)
app.command()(approvals.deny)
app.command()(steer.steer)
app.command()(feedback.feedback)
app.add_typer(memory.app)
app.add_typer(keys.app)
app.command()(doctor.doctor)
app.add_typer(index.commands)
app.command()(serve.api)
app.command()(serve.worker)
app.command()(serve.migrate)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"treehold {version('treehold-platform')}")
        raise typer.Exit


@app.callback()
def treehold(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Teams of agents on models you host yourself."""


def invoke(arguments: list[str] | None = None) -> int:
    """Run one command line, the process's own unless given; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        status = int(app(args=given or ["--help"], standalone_mode=False) or 0)
        return _failed("interrupted", status) if status == exits.INTERRUPTED else status
    except Interrupted as error:
        return _failed(str(error) or "interrupted", exits.INTERRUPTED)
    except typer.TyperException as error:
        return _failed(
            f"{error.format_message().rstrip('.')}; see: treehold {_help_on(given)}", exits.BAD_INPUT
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.NOT_DONE
    except Exception as error:
        from cli.failures import explained

        explanation = explained(error)
        if explanation is None:
            raise
        return _failed(*explanation)


def _help_on(given: list[str]) -> str:
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    names |= {group.typer_instance.info.name for group in app.registered_groups if group.typer_instance}
    return f"{given[0]} --help" if given and given[0] in names else "--help"


def _failed(message: str, status: int) -> int:
    sys.stderr.write(f"treehold: {' '.join(message.split())}\n")
    return status
