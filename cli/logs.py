"""Where logs go: standard error for servers, a file in the data folder beside a terminal's own output."""

from __future__ import annotations

import logging
import os
import warnings
from io import FileIO, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_FILE = "treehold.log"
MOST_BYTES = 2_000_000
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def to_stderr() -> None:
    _configure(logging.StreamHandler())


def to_file(data_folder: Path) -> Path:
    """Returns the file, which is made when there is something to write."""
    path = data_folder / LOG_FILE
    _configure(_PrivateFile(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True))
    return path


def _configure(handler: logging.Handler) -> None:
    handler.setFormatter(_Formatter(_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # requests asks for SOCKS, does without, and silences this itself: in vain where another thread puts the
    # filters back that it found. One that was there before all threads stays.
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3")


class _Formatter(logging.Formatter):
    """With the ids that a record is bound to behind its action."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        bound = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _OWN)
        return super().formatMessage(record) + bound


class _PrivateFile(RotatingFileHandler):
    """Only the user can read it. A log that cannot be written fails nothing and says nothing."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return TextIOWrapper(FileIO(descriptor, "a"), encoding=self.encoding, write_through=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Nothing can be done about it here."""
