"""What `treehold doctor` says about the embedded server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PostgresFacts:
    """A look at the server that starts and changes nothing.

    Attributes:
        version: of the programs, with the wheel's.
        folder: the one that was asked for.
        cluster: where the data is, or would be; under root it may be decided only at the first start.
        running: whether it answered, as our server, just now.
        user: the operating-system user it runs or would run as; None where the folder is not there yet.
    """

    version: str
    folder: Path
    cluster: Path
    initialised: bool
    running: bool
    host: str
    port: int | None
    user: str | None
    log: Path
