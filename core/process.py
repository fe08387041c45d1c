"""What this process is called, in leases and to Postgres."""

from __future__ import annotations

import os
import socket


def process_name() -> str:
    """Host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"
