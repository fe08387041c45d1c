"""Ten thousand spans are read as easily as ten."""

from __future__ import annotations

from playwright.async_api import expect
from viewer_browser import Watched
from viewer_script import crowd
from viewer_server import ViewerServer

MOST_ELEMENTS = 1500


async def test_ten_thousand_spans_keep_the_page_small(watched: Watched, server: ViewerServer) -> None:
    show = server.play(crowd("crowd", 10_000))
    page = watched.page
    await page.goto(f"/tasks/{show.script.id}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "ended")
    spans = int((await page.locator(".waterfall .panel-head .hint").inner_text()).split()[0])
    assert spans >= 9_900
    assert await watched.elements() <= MOST_ELEMENTS
    await page.locator("#spans").focus()
    await page.keyboard.press("End")
    await expect(page.locator("#spans .row.is-selected")).to_be_in_viewport()
    await expect(page.locator("#detail-title")).to_contain_text("finished")
    assert await watched.elements() <= MOST_ELEMENTS
    del server.shows[show.script.id]


async def test_a_long_list_keeps_the_page_small(watched: Watched, server: ViewerServer) -> None:
    shows = [server.play(crowd(f"small-{at}", 30)) for at in range(100)]
    page = watched.page
    await page.goto("/")
    await expect(page.get_by_role("list")).to_be_visible()
    await expect(page.locator(".task-row").first).to_be_visible()
    assert await watched.elements() <= MOST_ELEMENTS
    for show in shows:
        del server.shows[show.script.id]
