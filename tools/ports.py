"""What the tools room offers and what it needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.contract import ToolContext, ToolResult, ToolSpec


class Tool(Protocol):
    """One ability of an agent. It knows nothing of journals, budgets, leases or approvals."""

    @property
    def spec(self) -> ToolSpec: ...

    async def run(self, arguments: Any, context: ToolContext) -> ToolResult:
        """Do it once, with arguments that are an instance of `spec.arguments`.

        Raises:
            ToolError: with a message the calling agent may read.
        """
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors, shape (texts, dimensions)."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Resolver(Protocol):
    """Names to IP addresses. Injected, so that tests decide what a name means."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """All addresses, as text. Raises `OSError` when the name has none."""
        ...
