"""A look at a node's own chunks on their way into LiteLLM's wrapper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from inspect import isawaitable
from typing import Any

from inference.wire_stream import Seen


class NodeTap:
    """Passes chunks on.

    The wrapper invents an ending and token counts where the node sent none, and drops refusals; here the
    truth is seen first.
    """

    def __init__(self, chunks: AsyncIterator[Any]) -> None:
        self.seen = Seen()
        self._source = chunks
        self._chunks = aiter(chunks)

    def __aiter__(self) -> NodeTap:
        return self

    async def __anext__(self) -> Any:
        chunk = await anext(self._chunks)
        self.seen.look(chunk)
        return chunk

    async def aclose(self) -> None:
        """Gives the connection back."""
        for name in ("close", "aclose"):
            close = getattr(self._source, name, None)
            if close is not None:
                closing = close()
                if isawaitable(closing):
                    await closing
                return
