"""A running task: what happens appears, whatever happens to the connection."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect
from viewer_browser import Watched
from viewer_script import research
from viewer_server import ViewerServer

PICTURE = """async () => {
  for (const _ of [1, 2]) await new Promise((painted) => requestAnimationFrame(painted));
  const styles = (row) => [...row.querySelectorAll("[style]")].map((part) => part.getAttribute("style"));
  const parts = document.querySelectorAll("#spans .row, #agents .row, .figure, .answer, .artifacts li");
  return [...parts].map((part) => [part.className, part.innerText, ...styles(part)]);
}"""


async def picture(page: Page) -> Any:
    await expect(page.locator("#connection")).to_have_attribute("data-state", "ended")
    await expect(page.locator(".artifacts li")).to_have_count(1)
    return await page.evaluate(PICTURE)


async def test_the_tree_grows_without_a_reload(watched: Watched, server: ViewerServer) -> None:
    show = server.play(research("growing"), published=9)
    page = watched.page
    await page.goto(f"/tasks/{show.script.id}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    await page.evaluate("() => { window.kept = true; }")
    before = await page.locator("#agents .row").count()
    await show.publish(30)
    await expect(page.locator("#agents .row")).not_to_have_count(before)
    await expect(page.locator("#agents .row.is-waiting").first).to_contain_text("on 6 children")
    await expect(page.locator("#agents .row.is-running").first).to_be_visible()
    await show.publish()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "ended")
    await expect(page.locator(".answer")).to_contain_text("seven years")
    assert await page.evaluate("() => window.kept") is True


async def test_what_has_only_begun_is_drawn_open(watched: Watched, server: ViewerServer) -> None:
    script = research("begun")
    upto = next(event["seq"] for event in script.events if event["kind"] == "model.started")
    show = server.play(script, published=upto)
    page = watched.page
    await page.goto(f"/tasks/{script.id}")
    await expect(page.locator(".span.kind-model.is-pending .bar.is-open")).to_be_visible()
    await show.publish(1)
    await expect(page.locator(".span.kind-model.is-done")).to_have_count(1)


async def test_lost_connections_leave_the_same_picture_as_a_fresh_load(
    watched: Watched, server: ViewerServer
) -> None:
    show = server.play(research("dropped"), published=5)
    page = watched.page
    await page.goto(f"/tasks/{show.script.id}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    for dropped in range(1, 8):
        await show.publish(12)
        await show.drop()
        await show.joined(dropped + 1)
    await show.publish()
    live = await picture(page)
    assert [int(last or 0) for last in show.resumed_from] == [5 + 12 * at for at in range(8)]
    await page.reload()
    assert await picture(page) == live


async def test_a_gap_event_reloads_the_durable_state(watched: Watched, server: ViewerServer) -> None:
    show = server.play(research("announced-gap"), published=20)
    show.gaps = 1
    await watched.page.goto(f"/tasks/{show.script.id}")
    await show.joined(2)
    assert show.loads == 2
    await show.publish()
    await expect(watched.page.locator(".answer")).to_contain_text("seven years")


async def test_trimmed_events_reload_the_durable_state(watched: Watched, server: ViewerServer) -> None:
    script = research("gapped")
    show = server.play(script, published=20)
    page = watched.page
    await page.goto(f"/tasks/{script.id}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    show.first = 60
    await show.publish(len(script.events) - 30)
    await show.drop()
    await expect(page.locator("#agents .row")).to_have_count(10)
    await show.publish()
    after_gap = await picture(page)
    await page.reload()
    assert await picture(page) == after_gap


async def test_a_running_task_can_be_cancelled(watched: Watched, server: ViewerServer) -> None:
    show = server.play(research("cancelled"), published=30)
    page = watched.page
    await page.goto(f"/tasks/{show.script.id}")
    await page.get_by_role("button", name="Cancel task").click()
    await expect(page.get_by_role("button", name="Cancelling…")).to_be_disabled()
    assert show.cancelled
