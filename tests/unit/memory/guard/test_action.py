from __future__ import annotations

import pytest

from memory.guard.model import Action
from memory.guard.signature import sign, similarity


def act(tool: str, target: str = "") -> Action:
    return Action(tool=tool, target=target, effect="pure")


def test_targets_are_bounded_and_printable() -> None:
    action = act("read", "a\x00" + "b" * 1000)
    assert len(action.target) == 300
    assert "\x00" not in action.target


def test_order_and_repetition_do_not_matter() -> None:
    one = sign([act("read", "a.md"), act("search"), act("read", "b.md")])
    assert similarity(one, sign([act("search"), act("read", "c.md")])) == 1


def test_other_tools_are_another_procedure() -> None:
    assert similarity(sign([act("read", "a.md")]), sign([act("post", "a.md")])) == 0


@pytest.mark.parametrize("target", ["http://[broken", "https://evil.example:99/x", "mailto:m@evil.example"])
def test_any_address_is_sensitive(target: str) -> None:
    assert sign([act("tool", target)]).sensitive
