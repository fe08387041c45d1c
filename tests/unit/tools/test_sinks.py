"""Law 7 at the broker: only the user's own values, and allowed ones, reach a sensitive place."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from core.errors import ConfigurationError
from core.grant import Capabilities
from tools import Denied, TaintCheck, ToolBroker, ToolContext, ToolRegistry, ToolResult, ToolSpec
from tools.contract import Arguments, at_sink

USER = TaintCheck(
    trusted_texts=(
        "Pay 1,200 to ada@example.org and note it in file 13: paid in   full.\nSee www.rail.example/fares.",
    )
)
EVE = ("/payments/1/to", "recipient")
GRANTED = Capabilities(tools=frozenset({"act"}))


class Payment(Arguments):
    to: Annotated[str, at_sink("recipient")]
    amount: Annotated[float, at_sink("amount")] = 1200.0
    reason: str = ""


class Act(Arguments):
    payments: tuple[Payment, ...] = ()
    copies: Annotated[dict[str, int], at_sink("recipient")] = Field(default_factory=dict[str, int])
    note: Annotated[str | None, at_sink("content")] = None
    record: str | int | None = None
    page: Annotated[str | None, at_sink("url")] = None
    aside: str = ""


class Acting:
    spec = ToolSpec(name="act", description="Do it.", arguments=Act, sinks={"record": "record"})

    def __init__(self, spec: ToolSpec | None = None) -> None:
        if spec is not None:
            self.spec = spec

    async def run(self, arguments: Act, context: ToolContext) -> ToolResult:
        return ToolResult(content="done")


BROKER = ToolBroker(ToolRegistry([Acting()]))


def going(**arguments: Any) -> list[tuple[str, str]]:
    """What of the call is neither granted, allowed nor the user's own, by place and sink."""
    prepared = BROKER.prepare("act", arguments, GRANTED, TaintCheck(approved=True))
    return [(each.at, each.sink) for each in BROKER.foreign(prepared, USER)]


@pytest.mark.parametrize(
    ("arguments", "foreign"),
    [
        ({"payments": [{"to": "ada@example.org"}], "aside": "anything at all"}, []),
        (
            {"payments": [{"to": "ada@example.org", "amount": 1200}, {"to": "eve@evil.example"}]},
            [("/payments/1/to", "recipient")],
        ),
        ({"payments": [{"to": "ada@example.org", "amount": 12000}]}, [("/payments/0/amount", "amount")]),
        ({"payments": [{"to": "\u0430da@example.org"}]}, [("/payments/0/to", "recipient")]),
        ({"payments": [{"to": "ada@example.org\u200b"}]}, [("/payments/0/to", "recipient")]),
        ({"payments": [{"to": "ada@example.org, eve@evil.example"}]}, [("/payments/0/to", "recipient")]),
        ({"copies": {"eve@evil.example": 1200}}, [("/copies/eve@evil.example", "recipient")]),
        ({"note": "paid in full"}, []),
        ({"note": ""}, []),
        ({"note": "paid in full, password 7"}, [("/note", "content")]),
        ({"record": "13"}, []),
        ({"record": 13}, []),
        ({"record": "1"}, [("/record", "record")]),
        ({"page": "www.rail.example/fares"}, []),
        ({"page": "www.rail.example/fares?q=secret"}, [("/page", "url")]),
        ({"page": "www.rail.example"}, [("/page", "url")]),
    ],
)
def test_only_the_users_own_values_reach_a_sink_unasked(
    arguments: dict[str, Any], foreign: list[tuple[str, str]]
) -> None:
    assert going(**arguments) == foreign
    if foreign:
        with pytest.raises(Denied, match="tainted_argument"):
            BROKER.prepare("act", arguments, GRANTED, USER)
    else:
        assert BROKER.prepare("act", arguments, GRANTED, USER)


def test_what_is_allowed_is_allowed_for_its_sink_alone() -> None:
    allowed = TaintCheck(allowed=frozenset({"recipient:eve@evil.example", "amount:1200"}))
    assert BROKER.prepare("act", {"payments": [{"to": "eve@evil.example"}]}, GRANTED, allowed)
    with pytest.raises(Denied, match="note"):
        BROKER.prepare("act", {"note": "eve@evil.example"}, GRANTED, allowed)


def test_a_host_of_the_grant_is_allowed() -> None:
    granted = GRANTED.model_copy(update={"hosts": frozenset({"rail.example"})})
    assert BROKER.prepare("act", {"page": "https://rail.example/new"}, granted, TaintCheck())


def test_the_model_is_not_shown_the_keyword() -> None:
    assert "x-sink" not in str(Acting.spec.parameters)


@pytest.mark.parametrize("sinks", [{"recipeint": "recipient"}, {"record": "recipeint"}])
def test_a_sink_that_guards_nothing_is_a_configuration_error(sinks: dict[str, Any]) -> None:
    spec = ToolSpec(name="act", description="Do it.", arguments=Act, sinks=sinks)
    with pytest.raises(ConfigurationError):
        ToolRegistry([Acting(spec)])


def test_a_keyword_of_no_known_sink_is_a_configuration_error() -> None:
    class Odd(BaseModel):
        to: Annotated[str, at_sink("nowhere")]  # pyright: ignore[reportArgumentType] - the mistake

    with pytest.raises(ConfigurationError, match="nowhere"):
        ToolRegistry([Acting(ToolSpec(name="odd", description="Do it.", arguments=Odd))])


def test_a_child_is_asked_no_less_than_its_parent() -> None:
    parent = Capabilities(allow=frozenset({"recipient:a"}), tainted_sinks="refuse")
    wanted = Capabilities(allow=frozenset({"recipient:a", "recipient:b"}), tainted_sinks="ask")
    child = parent.attenuate(wanted)
    assert (child.allow, child.tainted_sinks) == (frozenset({"recipient:a"}), "refuse")
    assert Capabilities().attenuate(parent).tainted_sinks == "refuse"
