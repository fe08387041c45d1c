"""Where the server is, and who asks."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from treehold.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8321"
CONNECT_SECONDS = 5.0
USER_AGENT = "treehold-python"


@dataclass(frozen=True, kw_only=True)
class Connection:
    url: str
    key: str = field(repr=False)

    def client_options(self, timeout: float) -> dict[str, Any]:
        """Arguments for an httpx client. A proxy from the environment is not asked for this machine.

        Certificates are only loaded, which takes a third of a second, where there are some to verify.
        """
        return {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.key}", "User-Agent": USER_AGENT},
            "timeout": httpx.Timeout(timeout, connect=CONNECT_SECONDS),
            "trust_env": not _is_local(self.url),
            "verify": urlsplit(self.url).scheme == "https" or not _is_local(self.url),
        }


def connection(base_url: str | None, key: str | None) -> Connection:
    """What is given, or else `TREEHOLD_URL` and `TREEHOLD_KEY`.

    Raises:
        ConfigurationError: there is no key, or the address is not one of HTTP.
    """
    url = (base_url or os.environ.get("TREEHOLD_URL") or DEFAULT_URL).rstrip("/")
    secret = (key or os.environ.get("TREEHOLD_KEY") or "").strip()
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ConfigurationError(f"{url!r} is not an address of HTTP: use http://host:port")
    if not secret:
        raise ConfigurationError("no API key: pass key=..., or set TREEHOLD_KEY")
    if not secret.isascii() or not secret.isprintable():
        raise ConfigurationError("the API key has characters that no key has")
    return Connection(url=url, key=secret)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
