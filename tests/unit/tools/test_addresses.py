"""Which URLs may be dialled: decided by name and by every resolved address, without dialling."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from core.errors import ToolDenied, ToolFailed
from tools.addresses import is_public
from tools.fetch import Fetcher

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1"),
    *("100.127.255.255", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *(
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
    ),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1"),
    *("2001::1", "2001:db8::1", "2001:10::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "100::1"),
    *("fe80::1%eth0", "2606:4700::1%1", "5f00::1", "4000::1", "not an address", "", "1.2.3", "0x7f.0.0.1"),
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1"),
    *("169.253.255.255", "192.167.255.255", "198.17.255.255", "223.255.255.255", "11.0.0.1"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1", "2400:cb00::1"),
]
_DISGUISED = [
    *("2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0"),
    *("127.0.0.1.", "127.000.000.001", "00.0.0.0", "1.2.3.4.5", "256.1.1.1", "0xA9FEA9FE", "2852039166"),
    *("0251.0376.0251.0376", "169.254.43518", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]"),
    *("[fe80::1%25eth0]", "[fe80::1%eth0]", "[0:0:0:0:0:0:0:1]", "[::1", "::1", "[127.0.0.1]", "[]"),
    *(
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "\uff11\uff12\uff17.0.0.1",
        "ⓛocalhost",
        "example。org",
        "exämple.org",
        "localhost",
    ),
    *("ok.example\\@127.0.0.1", "ok.example%00.evil.org", "ok.example%2e127.0.0.1", "ok.example%40evil.org"),
    *(
        "ok.example@127.0.0.1",
        "user:pass@ok.example",
        "ok.example:80@127.0.0.1",
        "@ok.example",
        "ok.example:pw@x",
    ),
    *(
        "ok.example.",
        "ok.example..",
        ".ok.example",
        "ok..example",
        "-ok.example",
        "ok_example.org",
        "ok.example:",
    ),
    *(
        "ok.example:0",
        "ok.example:99999",
        "ok.example:+80",
        "ok.example:080",
        "ok.example:8 0",
        "ok.example:22",
    ),
    *(
        "evil.org",
        "ok.example.evil.org",
        "evilok.example",
        "sub.ok.example",
        "OK.EXAMPLE.evil.org",
        "",
        " ok.example",
    ),
    *(
        "ok.example\t",
        "ok.example\n",
        "ok.exam\r\nHost:x",
        "metadata.google.internal",
        "instance-data",
        "x" * 300,
    ),
    *(
        "private.example",
        "mixed.example",
        "mapped.example",
        "loopback.example",
        "linklocal.example",
        "nat.example",
    ),
    *("six.example", "multicast.example", "zero.example", "cgnat.example", "127.0.0.1.nip.example"),
]
_SCHEMES = [
    *("file:///etc/passwd", "ftp://ok.example/", "gopher://ok.example/", "data:text/plain,x", "javascript:1"),
    *(
        "dict://ok.example:11211/",
        "ldap://ok.example",
        "ws://ok.example/",
        "//ok.example/",
        "ok.example/",
        "http:",
    ),
    *(
        "http:ok.example",
        "http:/ok.example",
        "http:///ok.example",
        "http:\\\\ok.example",
        "view-source:http://x/",
    ),
    *(" http://ok.example/", "http://ok.example/a b", "http://ok.example/\x00", "http://ok.example/\u202e"),
    *("http://ok.example/" + "a" * 3000, "hTtP//ok.example", "http://?ok.example", "http://#ok.example"),
    *("http://127.0.0.1#@ok.example/", "http://127.0.0.1?@ok.example/", "http://127.0.0.1/@ok.example"),
]
HOSTILE = [
    *(f"http://{host}/" for host in _DISGUISED),
    *(f"https://{host}/x" for host in PRIVATE[:20]),
    *_SCHEMES,
]
LEGITIMATE = [
    *("http://ok.example", "https://ok.example/", "https://OK.example/a?b=c#d", "http://ok.example:80/"),
    *("https://ok.example:443/x", "https://ok.example/a/../b", "https://ok.example/?u=http://127.0.0.1/"),
    *("https://ok.example/%2e%2e/", "HTTPS://ok.example/", "https://ok.example/@user", "https://8.8.8.8/"),
    *("https://[2606:4700:4700::1111]/", "https://port.example:8443/x", "https://xn--exmple-cua.org/"),
    *("https://ok.example/a:b@c", "https://ok.example/a;b,c!d$e'(f)*", "https://dual.example/"),
]
NAMES = {
    "ok.example": ["93.184.215.14"],
    "port.example": ["93.184.215.14"],
    "xn--exmple-cua.org": ["93.184.215.14"],
    "dual.example": ["93.184.215.14", "2606:4700:4700::1111"],
    "private.example": ["10.0.0.8"],
    "mixed.example": ["93.184.215.14", "10.0.0.8"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "loopback.example": ["127.0.0.1"],
    "linklocal.example": ["169.254.169.254"],
    "nat.example": ["64:ff9b::a00:1"],
    "six.example": ["2002:7f00:1::"],
    "multicast.example": ["224.0.0.1"],
    "zero.example": ["0.0.0.0"],
    "cgnat.example": ["100.64.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "localhost": ["127.0.0.1"],
}
GRANTED = frozenset(
    [*NAMES, *PRIVATE, *_DISGUISED, "8.8.8.8", "2606:4700:4700::1111", "port.example:8443"]
) - {
    "ok.example:22",
    "evil.org",
    "ok.example.evil.org",
    "evilok.example",
    "sub.ok.example",
    "OK.EXAMPLE.evil.org",
}
"""Granted as widely as a careless operator could, so that the later checks are what refuses."""


class FakeResolver:
    async def resolve(self, host: str, port: int) -> list[str]:
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> NoReturn:
        raise AssertionError(f"a socket was connected: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_suites_are_large_enough() -> None:
    assert len(set(HOSTILE)) >= 120
    assert len(set(HOSTILE)) + len(PRIVATE) >= 170


@pytest.mark.parametrize("url", HOSTILE)
async def test_hostile_urls_are_refused_before_anything_is_dialled(url: str) -> None:
    with pytest.raises((ToolDenied, ToolFailed)):
        await Fetcher(FakeResolver()).get(url, GRANTED)


@pytest.mark.parametrize("url", LEGITIMATE)
async def test_legitimate_urls_pass(url: str) -> None:
    plain, addresses = await Fetcher(FakeResolver()).check(url, GRANTED)
    assert plain.host in url.lower()
    assert all(is_public(address) for address in addresses)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_loopback_is_only_allowed_where_asked() -> None:
    assert is_public("127.0.0.1", allow_loopback=True)
    assert not is_public("10.0.0.1", allow_loopback=True)
    assert not is_public("::ffff:127.0.0.1", allow_loopback=True)
