"""Where logs go: standard error for servers, a file in the data folder beside a terminal's own output."""

from __future__ import annotations

import logging
import os
import warnings
from datetime import UTC, datetime
from io import FileIO, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

import orjson

from core.bound import bindings
from core.tracing import here

LOG_FILE = "treehold.log"
MOST_BYTES = 2_000_000
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def to_stderr(shape: Literal["text", "json"] = "text") -> None:
    _configure(logging.StreamHandler(), _Json() if shape == "json" else _Text(_FORMAT))


def to_file(data_folder: Path) -> Path:
    """Returns the file, which is made when there is something to write."""
    path = data_folder / LOG_FILE
    handler = _PrivateFile(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
    _configure(handler, _Text(_FORMAT))
    return path


def _configure(handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # requests asks for SOCKS, does without, and silences this itself: in vain where another thread puts the
    # filters back that it found. One that was there before all threads stays.
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3")


class _Text(logging.Formatter):
    """With the ids that a record is bound to behind its action."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        bound = "".join(f" {name}={value}" for name, value in _of(record).items())
        return super().formatMessage(record) + bound


class _Json(logging.Formatter):
    """One object a line: what the record says, what it is bound to, and what the running code works on."""

    def format(self, record: logging.LogRecord) -> str:
        trace = here()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **bindings(),
            **_of(record),
        }
        if trace is not None:
            line |= {"trace_id": trace.trace, "span_id": trace.span}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _of(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}


class _PrivateFile(RotatingFileHandler):
    """Only the user can read it. A log that cannot be written fails nothing and says nothing."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return TextIOWrapper(FileIO(descriptor, "a"), encoding=self.encoding, write_through=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Nothing can be done about it here."""
