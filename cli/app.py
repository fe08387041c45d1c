"""The commands of `treehold`, and what becomes of their failures."""

from __future__ import annotations

import os
import sys

import typer

import treehold
from cli import doctor, look, run, serve
from cli.interrupts import Interrupted
from core.errors import ConfigurationError, InvalidInput, TreeholdError

app = typer.Typer(
    name="treehold",
    help="Teams of agents on models you host yourself.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run.run)
app.command()(serve.up)
app.command()(look.tasks)
app.command()(look.show)
app.command()(look.cancel)
app.command()(doctor.doctor)
app.command()(serve.api)
app.command()(serve.worker)
app.command()(serve.migrate)

BAD_INPUT = 2
NOT_DONE = 1
INTERRUPTED = 130
_REFUSED = frozenset({400, 401, 403, 404, 409, 413, 421, 422})
"""HTTP statuses that ask for another request, not for the same one later."""


def invoke(arguments: list[str] | None = None) -> int:
    """Run one command line, the process's own unless given; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        status = int(app(args=given or ["--help"], standalone_mode=False) or 0)
        return _failed("interrupted", status) if status == INTERRUPTED else status
    except Interrupted as error:
        return _failed(str(error) or "interrupted", INTERRUPTED)
    except typer.TyperException as error:
        return _failed(f"{error.format_message().rstrip('.')}; see: treehold {_help_on(given)}", BAD_INPUT)
    except (InvalidInput, ConfigurationError) as error:
        return _failed(error.message, BAD_INPUT)
    except TreeholdError as error:
        return _failed(error.message, NOT_DONE)
    except treehold.ApiError as error:
        message = str(error).removesuffix(f" ({error.code})")
        return _failed(message, BAD_INPUT if error.status in _REFUSED else NOT_DONE)
    except treehold.ConfigurationError as error:
        return _failed(str(error), BAD_INPUT)
    except treehold.TreeholdError as error:
        return _failed(str(error), NOT_DONE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_DONE


def _help_on(given: list[str]) -> str:
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return f"{given[0]} --help" if given and given[0] in names else "--help"


def _failed(message: str, status: int) -> int:
    sys.stderr.write(f"treehold: {' '.join(message.split())}\n")
    return status
