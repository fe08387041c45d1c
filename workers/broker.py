"""Whether the broker answers."""

from __future__ import annotations

import asyncio
import logging

from kombu import Connection

from core.errors import StorageError

PROBE_SECONDS = 2

log = logging.getLogger(__name__)


def shown(broker_url: str) -> str:
    """Its address without the password."""
    return Connection(broker_url).as_uri()


async def ask(broker_url: str) -> None:
    """Open a connection of its own, and close it again.

    Raises:
        StorageError: it does not answer; the message says how.
    """
    await asyncio.to_thread(_ask, broker_url)


def _ask(broker_url: str) -> None:
    timeouts = (
        {"socket_timeout": PROBE_SECONDS, "socket_connect_timeout": PROBE_SECONDS}
        if broker_url.startswith("redis")
        else {"read_timeout": PROBE_SECONDS, "write_timeout": PROBE_SECONDS}
    )
    connection = Connection(broker_url, connect_timeout=PROBE_SECONDS, transport_options=timeouts)
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=PROBE_SECONDS)
    except Exception as error:
        raise StorageError(
            f"{connection.as_uri()} does not answer: {error}", code="broker_unavailable"
        ) from error
    finally:
        connection.release()
