"""One-time tickets, so that a link on a terminal can sign a browser in without showing the key."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from core.clock import Clock, SystemClock

LIFETIME = 900.0
"""Seconds."""


class Tickets:
    """Lives in the process that serves the API; only code in that process can issue a ticket.

    A ticket that is lost with the process costs its owner a look at the key file, so it is not stored.
    """

    def __init__(self, clock: Clock | None = None, *, seconds: float = LIFETIME) -> None:
        self._clock = clock or SystemClock()
        self._seconds = seconds
        self._held: dict[str, tuple[float, str]] = {}

    def issue(self, key: str) -> str:
        """A ticket that may be redeemed once, and not after its lifetime."""
        self._forget_expired()
        ticket = secrets.token_urlsafe(24)
        self._held[ticket] = (self._clock.monotonic() + self._seconds, key)
        return ticket

    def link(self, url: str, key: str, *, path: str = "/") -> str:
        """The address that signs in with `key` at the server at `url` and goes on to `path`."""
        query = urlencode({"ticket": self.issue(key), "next": path})
        return f"{url.rstrip('/')}/sign-in?{query}"

    def redeem(self, ticket: str) -> str | None:
        """The key, once; afterwards the ticket is void."""
        self._forget_expired()
        held = self._held.pop(ticket, None)
        return None if held is None else held[1]

    def _forget_expired(self) -> None:
        now = self._clock.monotonic()
        for ticket in [ticket for ticket, (end, _) in self._held.items() if end < now]:
            del self._held[ticket]
