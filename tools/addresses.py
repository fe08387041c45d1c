"""Which URLs and addresses may be fetched: public ones, written plainly.

Ranges after the IANA special-purpose registries (RFC 6890). An allow-list for IPv6 (2000::/3 less its special
parts), so that mapped, translated, tunnelled, scoped and local addresses fall out without being named.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from core.errors import ToolDenied

MAX_URL = 2048
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
]
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_URL = re.compile(r"(https?)://([^/?#]*)([/?#].*)?", re.IGNORECASE)
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9]\d{0,4}")

Scheme = Literal["http", "https"]


class AddressRefused(ToolDenied):
    """A URL or address that is not fetched; the message begins with a stable reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class PlainUrl:
    """A URL whose host is a plain name or a plain IP address."""

    url: str
    scheme: Scheme
    host: str
    """Lower case; IPv6 without brackets."""
    port: int

    @property
    def names(self) -> set[str]:
        """How an allow-list may name this host: bare only at the scheme's own port."""
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        names = {f"{bracketed}:{self.port}"}
        return names | {self.host} if self.port == default else names


def plain_url(url: str) -> PlainUrl:
    """Take a URL apart, refusing whatever different parsers read differently.

    Raises:
        AddressRefused: not http(s), user information, odd characters, or a host in a disguise.
    """
    if len(url) > MAX_URL or _ALLOWED.fullmatch(url) is None:
        raise AddressRefused("bad_url", "the URL is too long or holds characters that must be escaped")
    match = _URL.fullmatch(url)
    if match is None:
        raise AddressRefused("bad_scheme", "only http:// and https:// URLs can be fetched")
    scheme: Scheme = "https" if match.group(1).lower() == "https" else "http"
    authority = match.group(2)
    if "@" in authority:
        raise AddressRefused("user_information", "a URL with a user name or password is not fetched")
    host, port = _host_and_port(authority, 443 if scheme == "https" else 80)
    if (urlsplit(url).hostname or "") != host:
        raise AddressRefused("bad_host", "the host of this URL is not plain")
    return PlainUrl(url=url, scheme=scheme, host=host, port=port)


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an IP address may be dialled. `allow_loopback` is for tests."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if allow_loopback and parsed.is_loopback:
        return True
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.scope_id or parsed not in _GLOBAL_V6):
        return False
    return not any(parsed in network for network in _SPECIAL if network.version == parsed.version)


def literal_address(host: str) -> str | None:
    """The host itself when it is an IP address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    if authority.startswith("["):
        inside, closed, rest = authority[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")) or not _is_v6(inside):
            raise AddressRefused("bad_host", "the IPv6 address of this URL is not plain")
        host, port = inside.lower(), rest[1:] if rest else None
    else:
        host, colon, rest = authority.partition(":")
        host, port = host.lower(), rest if colon else None
        _check_name(host)
    if port is None:
        return host, default
    if _PORT.fullmatch(port) is None or int(port) > 65535:
        raise AddressRefused("bad_port", "the port of this URL is not a plain number")
    return host, int(port)


def _is_v6(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _check_name(host: str) -> None:
    """A host name in plain ASCII, or four plain decimal numbers; nothing else that ends in a number."""
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("bad_host", "the host of this URL is not a plain name")
    if _NUMERIC.fullmatch(labels[-1]) and literal_address(host) != host:
        raise AddressRefused("bad_host", "an IP address must be four plain decimal numbers")
