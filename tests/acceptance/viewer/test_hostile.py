"""Text from models, tools and users is text: whatever it says, nothing runs, nothing is asked elsewhere."""

from __future__ import annotations

from itertools import count
from urllib.parse import quote

from playwright.async_api import Page, expect
from viewer_browser import Watched
from viewer_script import research
from viewer_server import ViewerServer

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<svg onload=alert(3)>",
    "<svg><script href=//evil.example/x.js></script></svg>",
    "<iframe srcdoc='<script>parent.alert(4)</script>'>",
    "<iframe src=javascript:alert(5)>",
    "<a href=javascript:alert(6)>go</a>",
    "javascript:alert(7)",
    '"><script>alert(8)</script>',
    "' onmouseover='alert(9)",
    '" autofocus onfocus=alert(10) x="',
    "</title><script>alert(11)</script>",
    "</textarea><script>alert(12)</script>",
    "<style>@import '//evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>x</button></form>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(13)>",
    "<details open ontoggle=alert(14)>",
    "<object data=javascript:alert(15)>",
    "<template><img src=x onerror=alert(16)></template>",
    "{{ 7*7 }}${alert(17)}<%= alert(18) %>",
    "`${alert(19)}`",
    "--><img src=x onerror=alert(20)>",
    "]]><script>alert(21)</script>",
    "\u2028alert(22)\u2029\u202e<b>\x00",
    "![x](//evil.example/p.png) [y](javascript:alert(23))",
    "__proto__",
    "constructor",
)


async def visit(page: Page) -> None:
    """Looks at every span, so that every kind of detail is drawn."""
    await expect(page.locator("#agents .row")).to_have_count(10)
    seen = 0
    for kind in ("agent", "turn", "model", "tool", "recall", "gate", "mark"):
        for position in (0, 1):
            row = page.locator(f"#spans .span.kind-{kind}").nth(position)
            if await row.count() == 0:
                continue
            await row.click()
            await expect(page.locator("#detail-title")).to_be_visible()
            if kind in {"model", "tool"}:
                await expect(page.locator("#detail .text").nth(1)).to_be_visible()
            seen += 1
    assert seen >= 10
    for summary in await page.locator("#detail summary").all():
        await summary.click()


async def test_hostile_strings_in_every_field_do_nothing(watched: Watched, server: ViewerServer) -> None:
    turns = count()
    used: set[str] = set()

    def say(text: str) -> str:
        payload = PAYLOADS[next(turns) % len(PAYLOADS)]
        used.add(payload)
        return f"{payload} {text[:20]}"

    show = server.play(research("hostile", say=say, offline=False))
    assert used == set(PAYLOADS)
    await watched.page.goto(f"/tasks/{show.script.id}")
    await visit(watched.page)
    await watched.page.goto("/")
    await expect(watched.page.locator(f'a[href="/tasks/{show.script.id}"]')).to_be_visible()
    del server.shows[show.script.id]


async def test_bare_payloads_do_nothing(watched: Watched, server: ViewerServer) -> None:
    turns = count(7)
    show = server.play(research("bare", say=lambda _: PAYLOADS[next(turns) % len(PAYLOADS)], offline=False))
    await watched.page.goto(f"/tasks/{show.script.id}")
    await visit(watched.page)
    await watched.page.locator("#search").fill(PAYLOADS[0])
    del server.shows[show.script.id]


async def test_hostile_words_on_the_other_pages_do_nothing(watched: Watched) -> None:
    for payload in PAYLOADS:
        said = quote(payload)
        await watched.page.goto(f"/sign-in?error={said}&next={said}")
        await watched.page.goto(f"/broken?detail={said}")
        await watched.check()


async def test_the_policy_forbids_what_a_payload_would_do(page: Page, server: ViewerServer) -> None:
    await page.goto("/sign-in")
    attempt = 'document.body.innerHTML = "<b>x</b>"'
    outcome = await page.evaluate(
        f"() => {{ try {{ {attempt}; return 'allowed'; }} catch (e) {{ return e.name; }} }}"
    )
    assert outcome == "TypeError"
    assert server.url.startswith("http://127.0.0.1:")
