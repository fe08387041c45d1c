from __future__ import annotations

import pytest

from treehold.event_stream import EventStreamParser, Message

STREAM = (
    b'retry: 1000\n\n: heartbeat\n\nid: 1\nevent: task.submitted\ndata: {"a": 1}\n\n'
    b"id: 2\r\nevent: gap\r\ndata: x\xe2\x80\xa8y\xc2\x85\r\ndata:z\r\n\r\n"
    b"data: \xc3\xa4\n\nevent: unfinished\ndata: lost"
)
MESSAGES = [
    Message(event="task.submitted", data='{"a": 1}'),
    Message(event="gap", data="x\u2028y\x85\nz"),
    Message(event="message", data="ä"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_messages_come_whole_whatever_the_pieces(size: int) -> None:
    parser = EventStreamParser()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [message for piece in pieces for message in parser.feed(piece)] == MESSAGES
