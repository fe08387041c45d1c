"""The entry point: light enough that nothing can go wrong before it is ready to say so in one paragraph."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Every expected failure is one paragraph on stderr and an exit status."""
    try:
        from cli.app import invoke

        status = invoke()
    except KeyboardInterrupt:
        sys.stderr.write("treehold: interrupted\n")
        status = INTERRUPTED
    sys.exit(status)


if __name__ == "__main__":
    main()
