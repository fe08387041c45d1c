"""Everything can be done from the keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from viewer_browser import Watched
from viewer_server import Show


@pytest.fixture
async def task(watched: Watched, finished: Show) -> Page:
    await watched.page.goto(f"/tasks/{finished.script.id}")
    await expect(watched.page.locator("#agents .row")).to_have_count(10)
    return watched.page


async def test_arrows_walk_the_agent_tree(task: Page) -> None:
    tree = task.get_by_role("tree", name="Agents")
    await tree.focus()
    await task.keyboard.press("ArrowDown")
    chosen = tree.locator('[aria-selected="true"]')
    await expect(chosen).to_contain_text("Plan and assemble")
    await task.keyboard.press("ArrowRight")
    await expect(chosen).to_contain_text("How long customer records")
    await expect(chosen).to_have_attribute("aria-level", "2")
    await task.keyboard.press("ArrowLeft")
    await expect(chosen).to_have_attribute("aria-expanded", "false")
    await expect(tree.get_by_role("treeitem")).to_have_count(7)
    await task.keyboard.press("ArrowLeft")
    await expect(chosen).to_contain_text("Plan and assemble")
    await task.keyboard.press("End")
    await expect(chosen).to_contain_text("Which documents contradict")
    assert await tree.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")


async def test_j_and_k_move_and_load(task: Page) -> None:
    for _ in range(5):
        await task.keyboard.press("j")
    await expect(task.locator("#detail-title")).to_have_text("plan")
    await expect(task.locator("#detail .message.is-reply")).to_be_visible()
    await task.keyboard.press("k")
    await expect(task.locator("#detail-title")).to_have_text("recall")


async def test_folding_and_finding(task: Page) -> None:
    rows = task.locator("#spans .row")
    await task.keyboard.press("[")
    await expect(rows).to_have_count(3)
    await task.keyboard.press("]")
    await expect(rows).not_to_have_count(3)
    await task.keyboard.press("/")
    await task.keyboard.type("gate refused")
    await expect(task.locator("#spans .kind-gate")).to_have_count(1)


async def test_zoom_and_back(task: Page) -> None:
    for _ in range(5):
        await task.keyboard.press("j")
    await task.keyboard.press("z")
    await expect(task.get_by_role("button", name="Whole task")).to_be_visible()
    await task.keyboard.press("z")
    await expect(task.get_by_role("button", name="Whole task")).to_have_count(0)


async def test_help_opens_and_closes(task: Page) -> None:
    await task.keyboard.press("?")
    await expect(task.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await task.keyboard.press("Escape")
    await expect(task.get_by_role("dialog")).to_have_count(0)


async def test_focus_is_visible(task: Page) -> None:
    await task.keyboard.press("Tab")
    await expect(task.get_by_role("link", name="Skip to content")).to_be_focused()
    await task.keyboard.press("w")
    outline = await task.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
