"""The pages as the real API serves them: its routes, headers, session and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from viewer_browser import watch
from viewer_script import research
from viewer_server import ViewerServer
from viewer_tasks import KEY, OneKey, ScriptedTasks

from api import ApiServices, RunningServer, create_app, serve
from core.settings import Settings
from orchestrator.services.views import ModelDescription
from tests.unit.api.fake_memories import FakeMemories
from tests.unit.api.fakes import FakeApprovals, FakeMessages, FakeTasks


async def ready() -> dict[str, str]:
    return {}


@pytest.fixture
async def api(server: ViewerServer) -> AsyncIterator[RunningServer]:
    services = ApiServices(
        tasks=(tasks := ScriptedTasks(server)),
        forks=tasks,
        control=(nothing := FakeTasks()),
        approvals=FakeApprovals(nothing),
        messages=FakeMessages(nothing),
        memories=FakeMemories(nothing),
        keys=OneKey(),
        model=ModelDescription(name="offline", provider="offline", offline=True),
        ready=ready,
        settings=Settings(),
    )
    running = await serve(create_app(services), host="127.0.0.1", port=0)
    yield running
    await running.stop()


@pytest.fixture
async def visitor(browser: Browser, api: RunningServer) -> AsyncIterator[Page]:
    """Signed in; whatever the policy of the API forbids fails the test."""
    context = await browser.new_context(base_url=api.url)
    page = await context.new_page()
    watched = await watch(page, api.url)
    await page.goto("/sign-in")
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    yield page
    await watched.check()
    await context.close()


async def test_a_stranger_is_asked_for_a_key(
    browser: Browser, api: RunningServer, server: ViewerServer
) -> None:
    show = server.play(research("private"))
    page = await browser.new_page(base_url=api.url)
    await page.goto(f"/tasks/{show.script.id}")
    await page.get_by_label("API key").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(show.script.goal)
    await page.close()


async def test_a_task_is_followed_to_its_end(visitor: Page, server: ViewerServer) -> None:
    show = server.play(research("followed"), published=12)
    await visitor.goto(f"/tasks/{show.script.id}")
    await expect(visitor.locator("#connection")).to_have_attribute("data-state", "live")
    await visitor.get_by_role("button", name="Cancel task").click()
    await expect(visitor.get_by_role("button", name="Cancelling…")).to_be_disabled()
    await show.publish()
    await expect(visitor.locator(".answer")).to_contain_text("seven years")
    await expect(visitor.locator("#connection")).to_have_attribute("data-state", "ended")
    await visitor.locator(".span.kind-model").first.click()
    await expect(visitor.locator("#detail .message.is-reply")).to_contain_text("seven years")
    async with visitor.expect_download() as download:
        await visitor.get_by_role("link", name="findings.csv").click()
    assert (await (await download.value).path()).read_bytes() == b"a,b\n1,2\n"


async def test_a_selection_survives_a_reload_and_sign_out_ends_it(
    visitor: Page, server: ViewerServer
) -> None:
    show = server.play(research("selected"))
    await visitor.goto(f"/tasks/{show.script.id}")
    await visitor.locator(".span.kind-recall").first.click()
    link = visitor.url
    await visitor.goto(link)
    await expect(visitor.locator("#detail-title")).to_have_text("recall")
    await visitor.get_by_role("button", name="Sign out").click()
    await visitor.goto(link)
    await expect(visitor.get_by_label("API key")).to_be_visible()
