"""How initdb and the server are told to behave: durable, local, small."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.postgres.address import SUPERUSER

HOST = "127.0.0.1"

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "ssl": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "max_wal_size": "512MB",
        "checkpoint_timeout": "15min",
        "shared_buffers": "128MB",
        "effective_cache_size": "1GB",
        "maintenance_work_mem": "128MB",
        "work_mem": "8MB",
        "huge_pages": "off",
        "io_method": "sync",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_worker_processes": "8",
        "max_parallel_workers": "2",
        "max_parallel_workers_per_gather": "1",
        "client_connection_check_interval": "5s",
        "tcp_keepalives_idle": "60",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
)
"""Given on the command line at every start, so that no file inside the cluster is ever rewritten, and a
newer Treehold's settings reach an older cluster. `wal_level` is minimal because nothing replicates from an
embedded server; the log goes through the keeper, which bounds it."""

INITDB = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
