"""Fetching over a real loopback server: the positive control, redirects, rebinding and limits."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from core.errors import ToolDenied, ToolFailed
from core.grant import Capabilities
from tools import MeaningSearch, TaintCheck, ToolBroker, ToolContext, ToolRegistry
from tools.addresses import AddressRefused
from tools.builtin import builtin_tools
from tools.fetch import MOST_BYTES, Fetcher


class Names:
    """A resolver that answers each time with the next of its answers, and counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


LOCAL = ["127.0.0.1"]


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    match request.path:
        case "/page":
            return web.Response(text="<p>Hello <b>there</b></p><script>no</script>", content_type="text/html")
        case "/image":
            return web.Response(body=b"\x89PNG", content_type="image/png")
        case "/large":
            return web.Response(text="x" * (MOST_BYTES + 1000))
        case "/zipped":
            return web.Response(
                body=gzip.compress(b"x" * 1000),
                content_type="text/plain",
                headers={"Content-Encoding": "gzip"},
            )
        case "/to":
            return web.Response(status=302, headers={"Location": request.query["url"]})
        case "/round":
            return web.Response(status=307, headers={"Location": "/round"})
        case "/echo":
            return web.json_response(dict(request.headers))
        case _:
            return web.Response(status=404, text="not here")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = web.Server(_answer)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def hosts(port: int) -> frozenset[str]:
    return frozenset({f"site.example:{port}", "public.example", f"127.0.0.1:{port}"})


def fetcher(*answers: list[str]) -> Fetcher:
    return Fetcher(Names(*(answers or (LOCAL,))), allow_loopback=True)


async def test_an_allowed_page_is_fetched_as_text(port: int) -> None:
    granted = Capabilities(tools=frozenset({"http_get"}), hosts=hosts(port))
    broker = ToolBroker(ToolRegistry(builtin_tools(MeaningSearch(None), fetcher=fetcher())))
    prepared = broker.prepare("http_get", {"url": f"http://site.example:{port}/page"}, granted, TaintCheck())
    result = await broker.run(prepared, ToolContext(capabilities=granted))
    assert "1\tHello there" in result.content
    assert "no" not in result.content.split("\n")[1]
    assert result.origins[0].kind == "web"
    assert result.artifacts[0].content == b"Hello there"


async def test_without_the_test_setting_loopback_is_refused(port: int) -> None:
    for url in (f"http://site.example:{port}/page", f"http://127.0.0.1:{port}/page"):
        with pytest.raises(AddressRefused, match="private_address"):
            await Fetcher(Names(LOCAL)).get(url, hosts(port))


async def test_an_http_error_is_a_page(port: int) -> None:
    page = await fetcher().get(f"http://site.example:{port}/nothing", hosts(port))
    assert (page.status, page.body) == (404, b"not here")


async def test_a_redirect_within_the_grant_is_followed(port: int) -> None:
    page = await fetcher().get(f"http://site.example:{port}/to?url=/page", hosts(port))
    assert page.url == f"http://site.example:{port}/page"


@pytest.mark.parametrize(
    "target",
    [
        *(
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://evil.example/",
            "file:///etc/passwd",
        ),
        *(
            "//evil.example/",
            "http://[fd00::1]/",
            "http://2130706433/",
            "http://user@site.example/",
            "gopher://x/",
        ),
    ],
)
async def test_a_redirect_is_checked_as_if_asked_for(port: int, target: str) -> None:
    granted = hosts(port) | {"10.0.0.1", "169.254.169.254", "fd00::1"}
    with pytest.raises(ToolDenied):
        await fetcher().get(f"http://site.example:{port}/to?url={target}", granted)


async def test_a_redirect_to_a_name_that_means_a_private_address_is_refused(port: int) -> None:
    names = fetcher(LOCAL, ["10.0.0.1"])
    with pytest.raises(AddressRefused, match="private_address"):
        await names.get(f"http://site.example:{port}/to?url=http://public.example/", hosts(port))


async def test_redirects_come_to_an_end(port: int) -> None:
    with pytest.raises(ToolFailed, match="more than 5 redirects"):
        await fetcher().get(f"http://site.example:{port}/round", hosts(port))


async def test_rebinding_changes_nothing(port: int) -> None:
    """The name is asked for once; what it would mean later is never dialled."""
    names = Names(LOCAL, ["10.0.0.1"])
    page = await Fetcher(names, allow_loopback=True).get(f"http://site.example:{port}/echo", hosts(port))
    assert page.status == 200
    assert names.asked == 1


async def test_one_private_address_among_public_ones_is_enough_to_refuse(port: int) -> None:
    with pytest.raises(AddressRefused, match="private_address"):
        await fetcher(["127.0.0.1", "10.0.0.1"]).get(f"http://site.example:{port}/page", hosts(port))


async def test_the_request_carries_nothing_private(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://10.0.0.1:3128")
    page = await fetcher().get(f"http://site.example:{port}/echo", hosts(port))
    assert b"Cookie" not in page.body
    assert b"Authorization" not in page.body
    assert f'"Host": "site.example:{port}"'.encode() in page.body


async def test_size_is_bounded(port: int) -> None:
    page = await fetcher().get(f"http://site.example:{port}/large", hosts(port))
    assert (len(page.body), page.truncated) == (MOST_BYTES, True)


@pytest.mark.parametrize(("path", "said"), [("image", "not text"), ("zipped", "compressed")])
async def test_only_plain_text_is_taken(port: int, path: str, said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        await fetcher().get(f"http://site.example:{port}/{path}", hosts(port))


async def test_a_closed_port_is_a_plain_failure(port: int) -> None:
    with pytest.raises(ToolFailed, match="could not be reached"):
        await fetcher().get("http://site.example:1/", frozenset({"site.example:1"}))
