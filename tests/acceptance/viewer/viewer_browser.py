"""Chromium as tests start it, and a watch over what a page must never do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import ConsoleMessage, Error, Page, Request

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

WATCHER = """
window.violations = [];
window.executed = [];
window.alert = (what) => window.executed.push(String(what));
document.addEventListener("securitypolicyviolation",
  (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass(kw_only=True)
class Watched:
    """A page under watch."""

    page: Page
    origin: str
    foreign: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])

    def request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.foreign.append(request.url)

    def console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "net::ERR" not in message.text:
            self.errors.append(message.text)

    def error(self, error: Error) -> None:
        self.errors.append(str(error))

    async def check(self) -> None:
        """Fails on any script error, policy violation, executed payload or request elsewhere."""
        violations: Any = await self.page.evaluate("() => window.violations")
        executed: Any = await self.page.evaluate("() => window.executed")
        assert (violations, executed, self.foreign, self.errors) == ([], [], [], [])

    async def elements(self) -> int:
        return int(await self.page.evaluate("() => document.querySelectorAll('*').length"))


async def watch(page: Page, origin: str) -> Watched:
    watched = Watched(page=page, origin=origin)
    page.on("request", watched.request)
    page.on("console", watched.console)
    page.on("pageerror", watched.error)
    await page.add_init_script(WATCHER)
    return watched
