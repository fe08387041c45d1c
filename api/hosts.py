"""Which names and origins this server answers to.

A browser can be made to send requests here by a page whose name resolves to this machine (DNS rebinding), and
by a page of another origin (cross-site request forgery). The first shows in `Host`, the second in `Origin`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from core.settings import Settings

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never bound


def allowed_names(settings: Settings) -> frozenset[str]:
    """Names besides addresses: the local one, the one bound to, and the public one."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    names: Iterable[str] = ("localhost", settings.host.lower(), public or "localhost")
    return frozenset(names) - _ANY_ADDRESS


def answers_to(headers: Headers, names: frozenset[str]) -> bool:
    """Whether the one `Host` header is an address, which cannot be rebound, or an allowed name."""
    given = headers.getlist("host")
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    if match is None:
        return False
    name = match["name"].strip("[]").lower().removesuffix(".")
    return name in names or _is_address(name)


def same_origin(headers: Headers, settings: Settings) -> bool:
    """Whether a browser says that one of our own pages made this request.

    Without `Origin`, only `Sec-Fetch-Site: same-origin` counts; pages cannot set either.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    parts = urlsplit(origin)
    if settings.public_url and origin == origin_of(settings.public_url):
        return True
    return parts.scheme in {"http", "https"} and parts.netloc == headers.get("host")


def origin_of(url: str) -> str:
    """Scheme, name and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
