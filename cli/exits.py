"""Exit statuses, a part of the command line's contract."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
NOT_DONE: Final = 1
BAD_INPUT: Final = 2
PARTIAL: Final = 3
INTERRUPTED: Final = 130

IN_WORDS: Final = (
    "Exit status: 0 done; 1 not done: the task failed or was cancelled, or something does not answer; "
    "2 bad input or settings; 3 done, but the answer is partial; 130 interrupted."
)
