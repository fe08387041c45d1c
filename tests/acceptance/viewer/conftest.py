"""A real Chromium against the viewer's real pages."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parent))

from viewer_browser import CHROMIUM, FLAGS, Watched, watch
from viewer_script import research
from viewer_server import Show, ViewerServer

PATIENCE = 30_000.0
"""Milliseconds a page may take on a busy machine."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[ViewerServer]:
    server = ViewerServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def finished(server: ViewerServer) -> Show:
    """A task that has ended, shared by tests that only look."""
    return server.play(research("finished"))


@pytest.fixture
async def context(browser: Browser, server: ViewerServer) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
async def watched(page: Page, server: ViewerServer) -> AsyncIterator[Watched]:
    """The page, with everything it must never do written down; checked when the test ends."""
    watched = await watch(page, server.url)
    yield watched
    await watched.check()
