from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import pytest
from fastapi import FastAPI

from api import ApiServices, Tickets
from api.auth import COOKIE
from core.clock import SystemClock
from core.errors import StorageError
from orchestrator.services.principal import Principal
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import KEY, NOWHERE, OTHER_KEY, FakeTasks
from tests.unit.api.steps import submit


class SetClock(SystemClock):
    """Shows what it is set to."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


MARKUP = "<img src=x onerror=alert(1)>"


async def test_a_page_asks_to_sign_in_and_comes_back(browser: Client) -> None:
    path = f"/tasks/{(await submit(browser)).id}"
    browser.cookies.clear()
    asked = await browser.get(path)
    assert (asked.status_code, asked.headers["Location"]) == (303, f"/sign-in?next={quote(path, safe='')}")
    form = await browser.get(asked.headers["Location"])
    assert f'value="{path}"' in form.text
    entered = await browser.post("/sign-in", data={"key": f" {KEY}\n", "next": path})
    assert (entered.status_code, entered.headers["Location"]) == (303, path)
    assert (await browser.get(path)).status_code == 200


@pytest.mark.parametrize(("host", "secure"), [("127.0.0.1:8321", False), ("treehold.example", True)])
async def test_the_cookie_is_out_of_reach(host: str, secure: bool, browser: Client) -> None:
    headers = {"Host": host, "Origin": "https://treehold.example"}
    answer = await browser.post("/sign-in", data={"key": KEY}, headers=headers)
    parts = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=strict"} | ({"secure"} if secure else set())


async def test_a_wrong_key_is_said_to_be_wrong(browser: Client) -> None:
    answer = await browser.post("/sign-in", data={"key": "th_wrong", "next": "/tasks/1"})
    assert answer.status_code == 403
    assert "not known" in answer.text
    assert "th_wrong" not in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)", "a"]
)
async def test_signing_in_never_leads_elsewhere(path: str, browser: Client) -> None:
    answer = await browser.post("/sign-in", data={"key": KEY, "next": path})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_another_site_cannot_sign_anyone_in_or_out(path: str, browser: Client) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = await browser.post(path, data={"key": OTHER_KEY}, headers=headers)
    assert answer.status_code == 403
    assert browser.cookies[COOKIE] == KEY


async def test_too_many_fields_are_no_sign_in(browser: Client) -> None:
    answer = await browser.post("/sign-in", data={f"f{n}": "x" for n in range(50)})
    assert answer.status_code == 422


async def test_a_ticket_signs_in_once(services: ApiServices, browser: Client) -> None:
    browser.cookies.clear()
    link = services.tickets.link("http://127.0.0.1:8321", KEY, path="/tasks/1")
    first, second = await browser.get(link), await browser.get(link)
    assert (first.status_code, first.headers["Location"]) == (303, "/tasks/1")
    assert browser.cookies[COOKIE] == KEY
    assert (second.status_code, "Set-Cookie" in second.headers) == (403, False)
    assert KEY not in link


async def test_signing_out_forgets_the_key(browser: Client) -> None:
    await browser.post("/sign-out")
    assert COOKIE not in browser.cookies
    assert (await browser.get("/")).status_code == 303


async def test_the_list_can_be_read_without_scripts(browser: Client, tasks: FakeTasks) -> None:
    task = await submit(browser, f"first {MARKUP}")
    await tasks.finish(task.id)
    for status, shown in [("", True), ("done", True), ("failed", False)]:
        text = (await browser.get("/", params={"status": status})).text
        assert ("first &lt;img" in text) is shown
        assert MARKUP not in text


async def test_a_task_and_its_places_are_one_page(browser: Client, tasks: FakeTasks) -> None:
    task = await submit(browser)
    await tasks.finish(task.id)
    for rest in ("", f"/agents/{uuid4()}", f"/agents/{uuid4()}/events/7"):
        page = await browser.get(f"/tasks/{task.id}{rest}")
        assert page.status_code == 200
        assert "Leases end after ten seconds." in page.text
        assert "docs/laws.md:3" in page.text


@pytest.mark.parametrize("path", ["/nothing", f"/tasks/{NOWHERE}"])
async def test_an_error_page_keeps_the_head_of_who_is_signed_in(path: str, browser: Client) -> None:
    page = await browser.get(path)
    assert page.status_code == 404
    assert "Signed in as owner" in page.text
    assert "/sign-out" in page.text
    browser.cookies.clear()
    assert "Signed in as" not in (await browser.get("/nothing")).text


async def test_an_error_page_does_without_a_storage_that_fails(
    browser: Client, services: ApiServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(secret: str) -> Principal:
        raise StorageError("gone")

    monkeypatch.setattr(services.keys, "authenticate", fail)
    assert (await browser.get("/nothing")).status_code == 404


@pytest.mark.parametrize("path", ["/nothing", f"/tasks/{NOWHERE}", "/tasks/no-id"])
async def test_what_is_not_there_is_a_page_too(path: str, browser: Client) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Not Found" in answer.text


async def test_a_failure_is_a_page_too(browser: Client, tasks: FakeTasks) -> None:
    tasks.failure = StorageError("canary")
    answer = await browser.get("/")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/nothing", "/v1/tasks", "/v1/docs", "/static/css/layout.css"]
)
async def test_every_answer_carries_the_policy(path: str, browser: Client) -> None:
    headers = (await browser.get(path)).headers
    policy = headers["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


async def test_the_reference_names_every_operation(app: FastAPI, browser: Client) -> None:
    answer = await browser.get("/v1/docs")
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in answer.text
    assert "<script" not in answer.text.replace('<script src="/static/app/boot.js"></script>', "")


def test_tickets_grow_old() -> None:
    hand = SetClock()
    tickets = Tickets(hand, seconds=10)
    young, old = tickets.issue(KEY), tickets.issue(KEY)
    hand.seconds = 9.0
    assert tickets.redeem(young) == KEY
    hand.seconds = 11.0
    assert tickets.redeem(old) is None
