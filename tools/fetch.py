"""Fetching a page from an allowed public host, safe against redirects and DNS tricks.

A name is resolved once for each hop, every address it has must be public, and the connection is made to those
very addresses: what the name means a moment later does not matter. Redirects are followed by hand and checked
as if they were asked for. No proxies, no cookies, no compression, bounded size and time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from core.errors import ToolFailed
from tools.addresses import AddressRefused, PlainUrl, is_public, literal_address, plain_url
from tools.ports import Resolver

MOST_REDIRECTS = 5
MOST_BYTES = 4_000_000
MOST_SECONDS = 20.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEXTUAL = ("text/", "application/json", "application/xml", "application/xhtml+xml", "application/ld+json")
_HEADERS = {
    "Accept": "text/html, text/*, application/json;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",
    "User-Agent": "treehold",
}


@dataclass(frozen=True, kw_only=True)
class FetchedPage:
    """The body is cut at `MOST_BYTES`; `url` is where the last redirect led."""

    url: str
    status: int
    media_type: str
    charset: str
    body: bytes
    truncated: bool


class SystemResolver:
    """The operating system's own name service."""

    async def resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    def __init__(self, resolver: Resolver | None = None, *, allow_loopback: bool = False) -> None:
        """`allow_loopback` lets tests fetch from 127.0.0.1; never set it elsewhere."""
        self._resolver: Resolver = resolver or SystemResolver()
        self._allow_loopback = allow_loopback

    async def check(self, url: str, hosts: AbstractSet[str]) -> tuple[PlainUrl, list[str]]:
        """The URL taken apart, and the addresses it may be fetched from; nothing is dialled.

        Raises:
            AddressRefused: the host is not allowed, or one of its addresses is not public.
            ToolFailed: the name does not resolve.
        """
        plain = plain_url(url)
        if not plain.names & hosts:
            raise AddressRefused(
                "host_not_granted", f"you may only reach: {', '.join(sorted(hosts)) or 'none'}"
            )
        literal = literal_address(plain.host)
        addresses = [literal] if literal is not None else await self._resolved(plain)
        for address in addresses:
            if not is_public(address, allow_loopback=self._allow_loopback):
                raise AddressRefused("private_address", f"{plain.host} is not on the public internet")
        return plain, addresses

    async def get(self, url: str, hosts: AbstractSet[str]) -> FetchedPage:
        """Fetch with GET. Raises `AddressRefused` or `ToolFailed`; an HTTP error status is a page."""
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await self._follow(url, hosts)
        except TimeoutError as error:
            raise ToolFailed(f"no whole answer within {MOST_SECONDS:g} seconds") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ToolFailed("the host could not be reached or did not speak HTTP") from error

    async def _follow(self, url: str, hosts: AbstractSet[str]) -> FetchedPage:
        for _ in range(MOST_REDIRECTS + 1):
            plain, addresses = await self.check(url, hosts)
            page = await self._hop(plain, addresses)
            if isinstance(page, FetchedPage):
                return page
            if plain.scheme == "https" and page.lower().startswith("http:"):
                raise AddressRefused("downgrade", "a redirect from https to http is not followed")
            url = page
        raise ToolFailed(f"more than {MOST_REDIRECTS} redirects")

    async def _hop(self, plain: PlainUrl, addresses: list[str]) -> FetchedPage | str:
        """One request: the page, or the URL it redirects to."""
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(plain.host, addresses), use_dns_cache=False, force_close=True, limit=1
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers=_HEADERS,
            ) as session,
            session.get(plain.url, allow_redirects=False) as response,
        ):
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return urljoin(plain.url, location)
            return await _page(plain.url, response)

    async def _resolved(self, plain: PlainUrl) -> list[str]:
        try:
            addresses = await self._resolver.resolve(plain.host, plain.port)
        except OSError as error:
            raise ToolFailed(f"the name {plain.host} does not resolve") from error
        if not addresses:
            raise ToolFailed(f"the name {plain.host} does not resolve")
        return addresses


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, for the one name they were checked for."""

    def __init__(self, host: str, addresses: list[str]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError("not the host that was checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _page(url: str, response: aiohttp.ClientResponse) -> FetchedPage:
    media_type = response.content_type.lower()
    if not (media_type.startswith(_TEXTUAL) or media_type.endswith(("+json", "+xml"))):
        raise ToolFailed(f"the answer is {media_type[:100]}, not text")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ToolFailed("the answer is compressed although that was not asked for")
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return FetchedPage(
        url=url,
        status=response.status,
        media_type=media_type,
        charset=response.charset or "utf-8",
        body=bytes(body[:MOST_BYTES]),
        truncated=len(body) > MOST_BYTES,
    )
