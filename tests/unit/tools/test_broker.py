"""The broker refuses before it runs, and what it lets run stays within limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.errors import ConfigurationError, ToolDenied, ToolFailed, ToolInputInvalid
from core.grant import Capabilities
from tools import (
    Denied,
    TaintCheck,
    ToolBroker,
    ToolContext,
    ToolLimits,
    ToolRegistry,
    ToolResult,
    ToolSpec,
    Workspace,
)
from tools.builtin import Calculate
from tools.contract import Arguments

NOTHING = TaintCheck()


class PayArguments(Arguments):
    to: str
    amount: float = 0.0
    note: str = ""


class Pay:
    spec = ToolSpec(
        name="pay",
        description="Send money.",
        arguments=PayArguments,
        sinks={"to": "recipient", "amount": "amount"},
        seconds=0.2,
    )

    def __init__(self, outcome: ToolResult | BaseException | None = None) -> None:
        self.outcome = outcome

    async def run(self, arguments: PayArguments, context: ToolContext) -> ToolResult:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            await asyncio.Event().wait()
        assert self.outcome is not None
        return self.outcome


PAYER = Capabilities(tools=frozenset({"pay"}))
USER = TaintCheck(trusted_texts=("Pay 250 to ada@example.org for the train, see docs/bill.md.",))


def payer(outcome: ToolResult | BaseException | None = None) -> ToolBroker:
    return ToolBroker(ToolRegistry([Pay(outcome)]))


async def pay(broker: ToolBroker, **context: object) -> ToolResult:
    prepared = broker.prepare("pay", {"to": "ada@example.org", "amount": 250}, PAYER, USER)
    return await broker.run(prepared, ToolContext(capabilities=PAYER, **context))  # pyright: ignore[reportArgumentType]


def test_undeclared_tools_count_as_dangerous() -> None:
    assert (Pay.spec.privilege, Pay.spec.effect) == ("command", "unsafe")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{", "valid JSON"),
        ("[1]", "one JSON object"),
        ('"pay"', "one JSON object"),
        ('{"to": "a", "to": "b"}', "valid JSON"),
        ('{"to": "a", "amount": NaN}', "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ("{}", "to: Field required"),
        ('{"to": 5}', "to: Input should be a valid string"),
        ('{"to": "a", "extra": 1}', "extra: Extra inputs are not permitted"),
        ('{"to": "a", "amount": "5"}', "amount: Input should be a valid number"),
    ],
)
def test_arguments_that_do_not_fit_say_how_to_fix_them(arguments: str, said: str) -> None:
    with pytest.raises(ToolInputInvalid, match=said):
        payer().prepare("pay", arguments, PAYER, USER)


def test_an_unknown_tool_lists_the_granted_ones(broker: ToolBroker) -> None:
    granted = Capabilities(tools=frozenset({"read_file", "calculate"}))
    with pytest.raises(ToolInputInvalid, match="calculate, read_file"):
        broker.prepare("rm\x1b[0m", "{}", granted, NOTHING)


def test_a_tool_outside_the_grant_is_denied(broker: ToolBroker) -> None:
    with pytest.raises(Denied, match="tool_not_granted") as caught:
        broker.prepare("calculate", {"expression": "1"}, Capabilities(), NOTHING)
    assert (caught.value.reason, caught.value.code) == ("tool_not_granted", "tool_denied")


def test_external_tools_need_hosts(broker: ToolBroker, everything: Capabilities) -> None:
    names = [spec.name for spec in broker.registry.specs_for(everything)]
    assert "http_get" not in names
    assert names == sorted(names)
    with_hosts = everything.model_copy(update={"hosts": frozenset({"example.org"})})
    assert "http_get" in [spec.name for spec in broker.registry.specs_for(with_hosts)]
    with pytest.raises(Denied, match="tool_not_granted"):
        broker.prepare("http_get", {"url": "https://example.org/"}, everything, NOTHING)


@pytest.mark.parametrize(
    "url", ["https://evil.org/", "https://example.org.evil.org/", "https://example.org:8443/"]
)
def test_hosts_outside_the_grant_are_denied(broker: ToolBroker, everything: Capabilities, url: str) -> None:
    granted = everything.model_copy(update={"hosts": frozenset({"example.org"})})
    assert broker.prepare("http_get", {"url": "https://example.org/a"}, granted, NOTHING)
    with pytest.raises(ToolDenied, match="host_not_granted"):
        broker.prepare("http_get", {"url": url}, granted, NOTHING)


@pytest.mark.parametrize("path", ["secret.md", "docs/../secret.md", "../x", "/etc/passwd", "docs2/a", ""])
def test_paths_outside_the_grant_are_denied(broker: ToolBroker, path: str) -> None:
    granted = Capabilities(tools=frozenset({"read_file"}), paths=frozenset({"docs", "a.md"}))
    assert broker.prepare("read_file", {"path": "docs/x.md"}, granted, NOTHING)
    with pytest.raises(Denied, match="path_not_granted"):
        broker.prepare("read_file", {"path": path}, granted, NOTHING)


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "ada@example.org"},
        {"to": "ada@example.org", "amount": 250.0, "note": "anything at all"},
        {"to": " ada@example.org "},
    ],
)
def test_what_the_user_wrote_may_reach_a_sink(arguments: dict[str, str | float]) -> None:
    full = {"amount": 250, **arguments}
    assert payer().prepare("pay", full, PAYER, USER)


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "eve@evil.org", "amount": 250},
        {"to": "da@example.org", "amount": 250},
        {"to": "ada@example.or", "amount": 250},
        {"to": "ada", "amount": 250},
        {"to": "", "amount": 250},
        {"to": "ada@example.org", "amount": 25},
        {"to": "ada@example.org", "amount": 2500},
        {"to": "ada@example.org", "amount": 50},
        {"to": "ada@example.org"},
    ],
)
def test_tainted_values_do_not_reach_a_sink(arguments: dict[str, str | float]) -> None:
    with pytest.raises(Denied, match="tainted_argument"):
        payer().prepare("pay", arguments, PAYER, USER)


async def test_long_output_is_cut_and_says_so() -> None:
    result = await pay(payer(ToolResult(content="x" * 5000)), limits=ToolLimits(characters=1000))
    assert len(result.content) == 1000
    assert "cut here" in result.content


async def test_a_call_that_takes_too_long_fails() -> None:
    with pytest.raises(ToolFailed, match="took longer than"):
        await pay(payer())


async def test_an_unexpected_error_tells_its_kind_only() -> None:
    with pytest.raises(ToolFailed) as caught:
        await pay(payer(KeyError("/etc/shadow")))
    assert caught.value.message == "pay failed unexpectedly (KeyError)"


async def test_host_paths_are_taken_out_of_messages(folder: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        await pay(payer(ToolFailed(f"cannot open {folder}/x")), workspace=Workspace(folder))
    assert caught.value.message == "cannot open the workspace/x"


def test_two_tools_of_one_name_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        ToolRegistry([Calculate(), Calculate()])
