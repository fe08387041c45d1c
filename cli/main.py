"""The entry point: light enough that nothing can go wrong before it is ready to say so in one paragraph."""

from __future__ import annotations

import signal
import sys

from cli.exits import INTERRUPTED, leave


def main() -> None:
    """Every expected failure is one paragraph on stderr and an exit status."""
    _end_politely()
    try:
        from cli.app import invoke

        status = invoke()
    except KeyboardInterrupt:
        sys.stderr.write("treehold: interrupted\n")
        status = INTERRUPTED
    if status == INTERRUPTED:
        leave(status)
    sys.exit(status)


def _end_politely() -> None:
    """To be asked to end, or to lose the terminal, is as Ctrl-C; whoever ignores signals goes on doing so."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


if __name__ == "__main__":
    main()
