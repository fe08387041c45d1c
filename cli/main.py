"""The `treehold` command."""

from __future__ import annotations

import os
import sys

import typer

from cli import doctor, look, run, serve
from core.errors import ConfigurationError, InvalidInput, TreeholdError

app = typer.Typer(
    name="treehold",
    help="Teams of agents on models you host yourself.",
    no_args_is_help=True,
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


def main() -> None:
    """Entry point: every expected failure is one paragraph on stderr and an exit status."""
    import treehold

    try:
        app()
    except (InvalidInput, ConfigurationError) as error:
        _fail(error.message, BAD_INPUT)
    except TreeholdError as error:
        _fail(error.message, NOT_DONE)
    except treehold.ApiError as error:
        _fail(str(error), BAD_INPUT if error.status in {400, 404, 409, 413, 422} else NOT_DONE)
    except treehold.TreeholdError as error:
        _fail(str(error), NOT_DONE)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOT_DONE)


def _fail(message: str, status: int) -> None:
    sys.stderr.write(f"treehold: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
