"""Exit statuses, a part of the command line's contract."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final, NoReturn

DONE: Final = 0
NOT_DONE: Final = 1
BAD_INPUT: Final = 2
PARTIAL: Final = 3
INTERRUPTED: Final = 130

IN_WORDS: Final = (
    "Exit status: 0 done; 1 not done: the task failed or was cancelled, or something does not answer; "
    "2 bad input or settings; 3 done, but the answer is partial; 130 interrupted."
)


def leave(status: int) -> NoReturn:
    """Now: nobody is made to wait while the interpreter takes itself apart, which can take seconds."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)
