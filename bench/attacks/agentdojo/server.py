"""`treehold up` with some of its defences off: `python -m bench.attacks.agentdojo.server gate,taint up …`.

The product has no switch for this. What the defences decide is replaced here, before anything is opened.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from agents import findings
from agents.ports import AgentFacts
from cli.main import main
from core.grant import Sink
from core.provenance import Provenance
from inference.model import ToolCall
from orchestrator.turns import gate
from orchestrator.turns.tool_runner import ToolRunner
from tools.taint import Source, TaintCheck

_LONG = 20_000


def _open_gate() -> None:
    """Whatever a worker writes crosses and is placed in the answer."""

    async def excerpt(_walk: object, text: str, _at: str) -> str:
        return text

    gate._Walk._excerpt = excerpt  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    findings.VALUE_CHARACTERS = _LONG  # pyright: ignore[reportConstantRedefinition]


def _no_taint() -> None:
    """Every value may go to every sink."""

    def source(self: TaintCheck, sink: Sink, value: str | float) -> Source:
        return "allowed"

    TaintCheck.source = source


def _no_validator() -> None:
    """Commands of agents that read untrusted bytes are not looked at."""

    def unvouched(self: ToolRunner, call: ToolCall, facts: AgentFacts, read: Provenance) -> None:
        return None

    ToolRunner.unvouched = unvouched


OFF: Mapping[str, Callable[[], Any]] = {
    "gate": _open_gate,
    "taint": _no_taint,
    "validator": _no_validator,
}


if __name__ == "__main__":
    for name in filter(None, sys.argv.pop(1).split(",")):
        OFF[name]()
    main()
