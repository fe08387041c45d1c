"""One row that fails does not keep a round from the others."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from core.errors import StorageError

log = logging.getLogger(__name__)


@contextmanager
def apart(event: str, **names: str) -> Generator[None]:
    """Log what goes wrong inside, and go on; but not where Postgres is away, as it is for every row."""
    try:
        yield
    except StorageError:
        raise
    except Exception:
        log.exception(event, extra=names)
