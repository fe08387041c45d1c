"""The pages as people meet them."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect
from viewer_browser import Watched
from viewer_script import cut_short, failed, research
from viewer_server import Show, ViewerServer

Scheme = Literal["light", "dark"]


async def test_the_list_shows_tasks_and_finds_them(
    watched: Watched, finished: Show, server: ViewerServer
) -> None:
    running = server.play(research("listed-running"), published=30)
    page = watched.page
    await page.goto("/")
    await expect(page.locator(f'a[href="/tasks/{finished.script.id}"]')).to_be_visible()
    await page.get_by_role("link", name="running", exact=True).click()
    await expect(page.locator(f'a[href="/tasks/{finished.script.id}"]')).to_have_count(0)
    await expect(page.locator(f'a[href="/tasks/{running.script.id}"]')).to_be_visible()
    assert page.url.endswith("/?status=running")
    await page.keyboard.press("/")
    await page.keyboard.type("no such words")
    await expect(page.get_by_text("No task matches.")).to_be_visible()


async def test_the_list_stays_fresh(watched: Watched, server: ViewerServer) -> None:
    show = server.play(research("refreshed"), published=30)
    page = watched.page
    await page.goto("/")
    row = page.get_by_role("listitem").filter(has=page.locator(f'a[href="/tasks/{show.script.id}"]'))
    await expect(row.locator(".state-running")).to_be_visible()
    await show.publish()
    await expect(row.locator(".state-done")).to_be_visible()


async def test_an_empty_list_tells_how_to_begin(browser: Browser) -> None:
    server = ViewerServer()
    await server.start()
    try:
        page = await browser.new_page()
        await page.goto(server.url)
        await expect(page.get_by_text("treehold run")).to_be_visible()
        await expect(page.get_by_text(f"{server.url}/v1/tasks")).to_be_visible()
        await page.close()
    finally:
        await server.stop()


async def test_half_an_answer_is_not_shown_as_a_whole_one(watched: Watched, server: ViewerServer) -> None:
    show = server.play(cut_short("cut-short"))
    page = watched.page
    await page.goto("/")
    row = page.get_by_role("listitem").filter(has=page.locator(f'a[href="/tasks/{show.script.id}"]'))
    await expect(row.locator(".state-partial")).to_have_text("done, partial")
    await page.goto(f"/tasks/{show.script.id}")
    await expect(page.locator(".task-head .state-partial")).to_have_text("done, partial")
    await expect(page.locator(".task-head .reason")).to_have_text("token budget used up")
    assert await colour(page, ".task-head .state-partial") == await colour(page, ".answer .badge.warn")


async def colour(page: Page, selector: str) -> str:
    return str(await page.locator(selector).evaluate("(element) => getComputedStyle(element).color"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [("model_unavailable", "treehold doctor"), ("plan_stuck", "The trace shows what failed")],
)
async def test_a_failed_task_says_why_and_what_to_do(
    code: str, advice: str, watched: Watched, server: ViewerServer
) -> None:
    show = server.play(failed(f"failed-{code}", code=code, message="nothing came back"))
    page = watched.page
    await page.goto(f"/tasks/{show.script.id}")
    panel = page.get_by_role("region", name="No answer")
    await expect(panel.get_by_role("alert")).to_contain_text("nothing came back")
    await expect(panel).to_contain_text(advice)


async def test_a_task_shows_its_head_answer_and_artifacts(watched: Watched, finished: Show) -> None:
    page = watched.page
    await page.goto(f"/tasks/{finished.script.id}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(finished.script.goal)
    await expect(page.locator(".task-head .badge.offline")).to_have_text(
        "offline model: rules, not a language model"
    )
    await expect(page.locator(".answer .prose li")).to_have_count(3)
    await expect(page.locator(".citation")).to_have_count(3)
    await expect(page.locator(".citation").first).to_contain_text("policies/retention.md:42")
    link = page.get_by_role("link", name="findings.csv")
    await expect(link).to_have_attribute("href", f"/v1/artifacts/{finished.script.artifacts[0]['id']}")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "ended")


async def test_the_trace_shows_refusals_recall_and_failure(watched: Watched, finished: Show) -> None:
    page = watched.page
    await page.goto(f"/tasks/{finished.script.id}")
    await page.locator("#search").fill("refused")
    await expect(page.locator(".span.kind-tool.is-refused")).to_contain_text("http_get")
    await expect(page.locator(".span.kind-gate.is-refused")).to_contain_text("not_a_substring")
    await page.locator("#search").fill("recall")
    await page.locator(".span.kind-recall").click()
    await expect(page.locator(".records.is-held .record-reason")).to_contain_text("disagree")
    await expect(page.locator(".agent.is-failed")).to_contain_text("What changed")


async def test_a_model_call_shows_prompt_reply_and_taint(watched: Watched, finished: Show) -> None:
    page = watched.page
    await page.goto(f"/tasks/{finished.script.id}")
    await page.locator(".span.kind-model").nth(1).click()
    await expect(page.locator("#detail .message .role").first).to_have_text("system")
    await expect(page.locator("#detail .tainted")).to_contain_text("policies/retention.md")
    await page.locator("#detail .tainted").get_by_role("button", name=re.compile("Show more")).click()
    shown = await page.locator("#detail .tainted pre").inner_text()
    assert len(shown) > 4000
    await expect(page.locator("#detail .message.is-reply")).to_contain_text("seven years")
    await expect(page.locator("#detail .tainted .badge.taint")).to_be_visible()
    async with page.expect_download() as download:
        await page.locator("#detail .tainted").get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "message-2-1.txt"


async def test_a_permanent_link_selects(watched: Watched, finished: Show) -> None:
    event = next(each for each in finished.script.events if each["kind"] == "gate.refused")
    page = watched.page
    await page.goto(f"/tasks/{finished.script.id}/agents/{event['agent']}/events/{event['seq']}")
    await expect(page.locator("#detail-title")).to_have_text("gate refused")
    await expect(page.locator("#spans .row.is-selected")).to_be_in_viewport()
    await expect(page.locator("#agents .row.is-selected")).to_contain_text("What the backup runbook")
    await page.keyboard.press("Escape")
    await expect(page.locator("#detail")).to_have_count(0)
    assert page.url.endswith(f"/tasks/{finished.script.id}")


OVERLAPS = """(button) => {
  const mine = button.getBoundingClientRect();
  return [...document.querySelectorAll(".panel, .figures, .goal, .facts")].filter((other) => {
    const its = other.getBoundingClientRect();
    return mine.left < its.right && its.left < mine.right && mine.top < its.bottom && its.top < mine.bottom;
  }).length;
}"""


async def test_the_help_button_covers_nothing(watched: Watched, finished: Show) -> None:
    page = watched.page
    for path in ("/", f"/tasks/{finished.script.id}"):
        await page.goto(path)
        button = page.get_by_role("button", name="Keyboard help")
        await expect(button).to_be_visible()
        for scrolled in (0, 300, 10_000):
            await page.evaluate(f"() => window.scrollTo(0, {scrolled})")
            assert await button.evaluate(OVERLAPS) == 0


async def test_the_mark_of_taint_is_explained_and_is_no_moment(watched: Watched, finished: Show) -> None:
    page = watched.page
    await page.goto(f"/tasks/{finished.script.id}")
    legend = page.get_by_role("list", name="Legend")
    await expect(legend).to_contain_text("tainted: from an outside source")
    mark = legend.locator(".taint-mark path")
    used = page.locator("#spans .taint-mark path").first
    assert await used.get_attribute("d") == await mark.get_attribute("d")
    await expect(page.locator("#spans .row").filter(has_text="read_file").first).to_contain_text("tainted")


async def test_a_narrow_list_keeps_its_figures(page: Page, server: ViewerServer) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    shows = [server.play(research("narrow")), server.play(research("narrow-model", offline=False))]
    await page.goto("/")
    for show in shows:
        await page.locator("#search").fill(show.script.id)
        row = page.get_by_role("listitem")
        await expect(row).to_have_count(1)
        for shown in ("10 agents", "30.6K tok", "17.2 s", "2026-03-02"):
            part = row.get_by_text(shown, exact=True)
            inside = "(part) => part.getBoundingClientRect().right <= part.closest('.panel').clientWidth + 12"
            assert await part.evaluate(inside), shown
        badge = row.locator(".badge.offline, .model-name")
        await expect(badge).to_contain_text("offline model" if show.script.offline else "qwen3")


@pytest.mark.parametrize("width", [1280, 390])
async def test_figures_break_between_their_parts_only(page: Page, server: ViewerServer, width: int) -> None:
    show = server.play(failed("figures"))
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"/tasks/{show.script.id}")
    part = page.locator(".figure-note").get_by_text("1,884 out", exact=True)
    await expect(part).to_be_visible()
    assert await part.evaluate("(part) => part.getClientRects().length") == 1
    assert int(await page.evaluate("() => document.documentElement.scrollWidth")) <= width


async def test_pages_are_readable_without_javascript(
    browser: Browser, server: ViewerServer, finished: Show
) -> None:
    broken = server.play(failed("broken-without-javascript"))
    context = await browser.new_context(base_url=server.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/")
    await page.locator(f'a[href="/tasks/{finished.script.id}"]').click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(finished.script.goal)
    await expect(page.locator(".answer")).to_contain_text("seven years")
    await expect(page.locator(".citation")).to_have_count(3)
    await expect(page.locator(".agents li")).to_have_count(10)
    await expect(page.locator(".task-head .badge.offline")).to_be_visible()
    await page.goto(f"/tasks/{broken.script.id}")
    await expect(page.get_by_role("region", name="No answer")).to_contain_text("the model did not answer")
    await context.close()


async def test_sign_in_and_error_pages(watched: Watched) -> None:
    page = watched.page
    await page.goto("/sign-in?error=That+key+is+not+known&next=/tasks/1")
    await expect(page.get_by_label("API key")).to_be_focused()
    await expect(page.get_by_role("alert")).to_have_text("That key is not known")
    await expect(page.locator("input[name=next]")).to_have_value("/tasks/1")
    await page.goto("/broken")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await expect(page.locator("#theme")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_colours_follow_the_system_and_the_choice(
    browser: Browser, server: ViewerServer, finished: Show, scheme: Scheme
) -> None:
    context = await browser.new_context(base_url=server.url, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"/tasks/{finished.script.id}")
    is_dark = await lightness(page) < 0.5
    assert is_dark == (scheme == "dark")
    other = "light" if scheme == "dark" else "dark"
    while await page.locator("html").get_attribute("data-theme") != other:
        await page.locator("#theme").click()
    await page.reload(wait_until="commit")
    await expect(page.locator("html")).to_have_attribute("data-theme", other)
    assert (await lightness(page) < 0.5) == (other == "dark")
    await context.close()


async def lightness(page: Page) -> float:
    """Of the page's ground, from 0 to 1."""
    await page.wait_for_load_state("load")
    colour = str(await page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return sum(parts) / 3 / 255


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_runs_over_the_edge(page: Page, finished: Show, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    pages = {
        "/": ".task-row",
        f"/tasks/{finished.script.id}": "#spans .row",
        "/sign-in": "form",
        "/broken": "h1",
    }
    for path, drawn in pages.items():
        await page.goto(path)
        await expect(page.locator(drawn).first).to_be_visible()
        assert int(await page.evaluate("() => document.documentElement.scrollWidth")) <= width
