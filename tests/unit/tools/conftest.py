"""A folder with one file of every kind, and a broker over all built-in tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.grant import Capabilities
from tools import (
    MeaningSearch,
    TaintCheck,
    ToolBroker,
    ToolContext,
    ToolLimits,
    ToolRegistry,
    ToolResult,
    Workspace,
)
from tools.builtin import builtin_tools

Call = Callable[..., Awaitable[ToolResult]]


def tiny_pdf(*pages: str) -> bytes:
    """A PDF with one line of text per page, written by hand."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, offsets = b"%PDF-1.4\n", list[int]()
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    tail = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    return body + f"{tail}startxref\n{len(body)}\n%%EOF\n".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "plan.md").write_text("# Plan\n\nThe launch is on 4 May.\nWho: Ada and Bo.\n")
    (root / "docs" / "page.html").write_text(
        "<html><head><title>Prices</title><script>var hidden = 'no';</script></head>\n"
        "<body><p>One <b>bold</b> word</p>\n<table>\n<tr><td>tea</td><td>3</td></tr>\n"
        "<tr><td>milk</td><td>2</td></tr>\n</table>\n<p hidden>unseen</p></body></html>\n"
    )
    (root / "notes.txt").write_text("first line\r\nsecond line\r\n")
    (root / "report.pdf").write_bytes(tiny_pdf("Revenue grew in March", "Costs fell in April"))
    (root / "sales.csv").write_text(
        'region,product,price,code\nnorth,"tea, green",3.5,007\nsouth,"milk ""fresh""",2,008\n'
        'north,bread,"1,200.25",009\ntoo,few\nsouth,"two\nlines",n/a,010\n'
    )
    (root / "events.jsonl").write_text(
        '{"kind": "a", "n": 1}\nnot json\n\n{"kind": "b", "n": 2.5, "x": [1]}\n[1]\n'
    )
    (root / "code.py").write_text("def budget() -> int:\n    return 42\n")
    return root


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    return Workspace(folder)


@pytest.fixture
def broker() -> ToolBroker:
    return ToolBroker(ToolRegistry(builtin_tools(MeaningSearch(None))))


@pytest.fixture
def everything(broker: ToolBroker) -> Capabilities:
    return Capabilities(tools=frozenset(broker.registry.names))


@pytest.fixture
def call(broker: ToolBroker, everything: Capabilities, workspace: Workspace) -> Call:
    """Call a tool as an agent would: by name, with JSON arguments, through the broker."""

    async def run(name: str, /, *, characters: int = 16_000, **arguments: Any) -> ToolResult:
        prepared = broker.prepare(name, json.dumps(arguments), everything, TaintCheck())
        context = ToolContext(
            capabilities=everything, workspace=workspace, limits=ToolLimits(characters=characters)
        )
        return await broker.run(prepared, context)

    return run
