"""What the offline model says to a question about the work."""

from __future__ import annotations

from pydantic import JsonValue

from inference.offline import replying

PLAN: JsonValue = [
    {"key": "s1", "title": "Read a.md", "status": "done", "asked_about": False},
    {"key": "s2", "title": "Read b.md", "status": "running", "asked_about": False},
]


def finding(quote: str) -> JsonValue:
    return {"id": "c1", "file": "a.md", "line": 3, "quote": quote, "relevance": 0.5}


def test_it_counts_steps_and_quotes_what_is_nearest() -> None:
    findings: JsonValue = {"findings": [finding("It rains."), finding("The lamp is lit at dusk.")]}
    reply = replying.reply({"plan": PLAN, "findings": findings, "asked": "When is the lamp lit?"})
    assert reply == {
        "text": "Of 2 steps: 1 done, 1 running.\na.md:3: The lamp is lit at dusk.\na.md:3: It rains."
    }


def test_it_names_the_step_that_is_asked_about() -> None:
    plan: JsonValue = [{"key": "s2", "title": "Read b.md", "status": "running", "asked_about": True}]
    reply = replying.reply({"plan": plan, "findings": {"findings": []}, "asked": "Is it long?"})
    assert reply == {"text": "Read b.md: running.\nNothing has been found yet."}
