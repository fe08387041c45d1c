from __future__ import annotations

from typing import Any

import pytest

from core.errors import ModelUnavailable
from inference.wire_stream import ReplyAssembler, Seen, without_thinking


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"model": "m", "choices": [{"delta": delta, "finish_reason": finish}]}


def fragment(arguments: str, **fields: Any) -> dict[str, Any]:
    return fields | {"function": {"arguments": arguments, "name": fields.pop("name", None)}}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a\nb</think>\n\nanswer", "answer"),
        ("  <think></think>{}", "{}"),
        ("no thinking </think> here", "no thinking </think> here"),
        ('{"tag": "<think>x</think>"}', '{"tag": "<think>x</think>"}'),
        ("<think>never closed", "<think>never closed"),
    ],
)
def test_only_leading_thoughts_are_left_out(text: str, rest: str) -> None:
    assert without_thinking(text) == rest


def test_interleaved_argument_fragments_find_their_call() -> None:
    assembler = ReplyAssembler(max_tokens=1024)
    assembler.add(chunk({"tool_calls": [fragment("", index=1, id="b", name="two")]}))
    assembler.add(chunk({"tool_calls": [fragment('{"x"', index=0, id="a", name="one")]}))
    assembler.add(chunk({"tool_calls": [fragment("{}", index=1), fragment(": 1}", index=0)]}))
    reply = assembler.reply(Seen(finish_reason="stop"))
    assert [(call.id, call.name, call.arguments) for call in reply.tool_calls] == [
        ("a", "one", '{"x": 1}'),
        ("b", "two", "{}"),
    ]
    assert reply.finish_reason == "tool_calls"


def test_a_stream_the_node_did_not_end_is_no_reply() -> None:
    assembler = ReplyAssembler(max_tokens=1024)
    assembler.add(chunk({"content": "half"}, finish="stop"))
    with pytest.raises(ModelUnavailable):
        assembler.reply(Seen())


def test_empty_deltas_are_not_a_first_token() -> None:
    assembler = ReplyAssembler(max_tokens=1024)
    assert not assembler.add(chunk({"role": "assistant", "content": ""}))
    assert not assembler.add({"model": "m", "choices": []})
    assert assembler.add(chunk({"content": "x"}))
