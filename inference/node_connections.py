"""How many connections a node gets, and for how long."""

from __future__ import annotations

import aiohttp

_CONNECTIONS = 512
_KEEP_ALIVE_SECONDS = 4.0
"""Under the 5 s after which uvicorn, and so vLLM, closes an idle connection."""


def connector() -> aiohttp.TCPConnector:
    """A pool of its own, for the running event loop."""
    return aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
