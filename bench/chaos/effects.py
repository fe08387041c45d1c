"""Tools whose effects are outside the platform: `post_entry` is keyed, `send_notice` must not be repeated."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import aiohttp
from pydantic import Field

from core.errors import ToolFailed
from core.provenance import Trust
from tools import Tool, ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments

LEDGER = "CHAOS_LEDGER"
"""The variable that says where the ledger answers."""

NAMES: dict[Literal["keyed", "unsafe"], str] = {"keyed": "post_entry", "unsafe": "send_notice"}


class EntryArguments(Arguments):
    entry: str = Field(min_length=1, max_length=200, description="What the entry is called.")


class LedgerTool:
    def __init__(self, effect: Literal["keyed", "unsafe"]) -> None:
        self.spec = ToolSpec(
            name=NAMES[effect],
            description=f"Enter something in the ledger ({effect}).",
            arguments=EntryArguments,
            effect=effect,
            seconds=20.0,
        )

    async def run(self, arguments: EntryArguments, context: ToolContext) -> ToolResult:
        sent = {"kind": self.spec.effect, "key": context.idempotency_key, "entry": arguments.entry}
        try:
            async with (
                aiohttp.ClientSession(raise_for_status=True) as session,
                session.post(f"{os.environ[LEDGER]}/effects", json=sent) as response,
            ):
                entered = (await response.json())["entered"]
        except aiohttp.ClientError as error:
            raise ToolFailed("the ledger does not answer") from error
        return ToolResult(content=f"entered {entered}", trust=Trust.DERIVED)


def tools() -> Sequence[Tool]:
    return [LedgerTool("keyed"), LedgerTool("unsafe")]
