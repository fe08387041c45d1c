"""The proxy that stands between this machine and a node, if the environment names one."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_of(base_url: str) -> str | None:
    """Its URL; None where the node is reached directly. Raises `ValueError` for a URL that is none."""
    url = urlsplit(base_url)
    proxy = getproxies().get(url.scheme)
    return None if proxy is None or proxy_bypass(url.hostname or "") else proxy
