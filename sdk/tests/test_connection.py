from __future__ import annotations

import pytest

from treehold import ConfigurationError, Treehold
from treehold.connection import DEFAULT_URL, connection


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREEHOLD_URL", "http://elsewhere:1/")
    monkeypatch.setenv("TREEHOLD_KEY", "th_env\n")
    assert connection(None, None).url == "http://elsewhere:1"
    assert connection(None, None).key == "th_env"
    assert connection("https://here/", "th_given").url == "https://here"
    assert connection("https://here/", "th_given").key == "th_given"


def test_the_local_server_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREEHOLD_URL", raising=False)
    assert connection(None, "th_key").url == DEFAULT_URL


def test_without_a_key_it_says_where_to_put_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREEHOLD_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="TREEHOLD_KEY"):
        Treehold("http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["127.0.0.1:8321", "ftp://host", "http://", "/v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address"):
        Treehold(url, "th_key")


@pytest.mark.parametrize("key", ["th_kéy", "th\nkey", "a\x00b"])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Treehold("http://127.0.0.1:1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://127.0.0.1:1", False),
        ("http://[::1]:1", False),
        ("http://localhost", False),
        ("https://a.b", True),
    ],
)
def test_a_proxy_is_not_asked_for_this_machine(url: str, trusted: bool) -> None:
    assert connection(url, "th_key").client_options(1.0)["trust_env"] is trusted


@pytest.mark.parametrize(
    ("url", "verified"),
    [("https://localhost:1", True), ("http://example.org", True), ("http://127.0.0.1:1", False)],
)
def test_certificates_are_loaded_unless_none_can_be_met(url: str, verified: bool) -> None:
    assert connection(url, "k").client_options(1.0)["verify"] is verified


def test_the_key_is_not_printed() -> None:
    assert "th_key" not in repr(connection("http://a.b", "th_key"))
