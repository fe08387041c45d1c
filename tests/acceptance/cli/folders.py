"""Files of every kind, each with one fact about a lighthouse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.unit.tools.conftest import tiny_pdf


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A file, a question, and what its answer must hold."""

    file: str
    content: bytes
    question: str
    told: str


FACTS = (
    Fact(
        file="keeper.md",
        content=b"# Staff\n\nSome people.\n\nThe lighthouse keeper is called Mor Finch.\n",
        question="What is the lighthouse keeper called?",
        told="Mor Finch",
    ),
    Fact(
        file="place.txt",
        content=b"Tides are strong.\r\nThe lighthouse stands on Gannet Rock.\r\n",
        question="On which rock does the lighthouse stand?",
        told="Gannet Rock",
    ),
    Fact(
        file="lamp.rst",
        content=b"Lamp\n====\n\nThe lighthouse lamp burns whale oil.\n",
        question="What does the lighthouse lamp burn?",
        told="whale oil",
    ),
    Fact(
        file="history.html",
        content=b"<html><body>\n<h1>History</h1>\n<p>The lighthouse was <b>built in 1871</b> by masons.</p>\n"
        b"<script>lighthouse()</script></body></html>\n",
        question="When was the lighthouse built?",
        told="built in 1871",
    ),
    Fact(
        file="visits.csv",
        content=b"month,visitors\nMay,120\nJune,300\nJuly,80\n",
        question="How many visitors came in total, by month?",
        told="300",
    ),
    Fact(
        file="log.jsonl",
        content=b'{"night": "Monday", "lighthouse": "dark for repairs"}\n'
        b'{"night": "Tuesday", "lighthouse": "lit as always"}\n',
        question="On which night was the lighthouse dark for repairs?",
        told="Monday",
    ),
    Fact(
        file="flash.py",
        content=b'def flash(second):\n    """The lighthouse flashes every seven seconds."""\n'
        b"    return second % 7 == 0\n",
        question="How often does the lighthouse flash?",
        told="every seven seconds",
    ),
    Fact(
        file="report.pdf",
        content=tiny_pdf("The harbour was quiet.", "The lighthouse roof needs new copper."),
        question="What does the lighthouse roof need?",
        told="new copper",
    ),
)


def filled(folder: Path, *facts: Fact) -> Path:
    folder.mkdir(exist_ok=True)
    for fact in facts:
        (folder / fact.file).write_bytes(fact.content)
    return folder
