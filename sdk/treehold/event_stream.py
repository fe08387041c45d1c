"""Reading server-sent events, without doing any input or output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Message:
    event: str
    data: str


class EventStreamParser:
    """Takes the stream in pieces of any size; lines end at line feeds only, whatever the data holds."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that this piece completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [message for line in lines if (message := self._line(line.removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        return None

    def _dispatch(self) -> Message | None:
        message = Message(event=self._event or "message", data="\n".join(self._data)) if self._data else None
        self._event, self._data = "", []
        return message
