"""Named SQL: blocks of a file, each headed `-- name: word`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

_NAMES: dict[bytes, str] = {}


class Queries(SimpleNamespace):
    """The blocks of one file as attributes; bytes, which psycopg takes as trusted SQL."""

    def __getattr__(self, name: str) -> bytes:
        raise AttributeError(f"no SQL block named {name!r}")


def load(beside: str, file: str = "queries.sql") -> Queries:
    """Read the SQL file that lies beside the module whose `__file__` is given."""
    blocks: dict[str, bytes] = {}
    name = ""
    lines: list[str] = []
    for line in [*Path(beside).with_name(file).read_text().splitlines(), "-- name: "]:
        if line.startswith("-- name: "):
            if name:
                blocks[name] = "\n".join(lines).strip().encode()
            name, lines = line.removeprefix("-- name: ").strip(), []
        else:
            lines.append(line)
    _NAMES.update({block: f"{Path(file).stem}.{name}" for name, block in blocks.items()})
    return Queries(**blocks)


def name_of(query: bytes) -> str:
    """Such as `closing.end_agent`; a statement that is in no file has no name."""
    return _NAMES.get(query, "unnamed")
