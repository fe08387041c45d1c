"""A playing model: it plans, works and answers as a small open model would, by what the prompts tell it.

It is a script for `ScriptedNode`. It reads the same text a model reads and nothing else, and it keeps the
manners of strict chat templates, so a prompt that a real node would reject is rejected here too. Faults make
it misbehave for one task, in one role, at one moment:

```python
model = SmallModel()
model.faults.append(Fault(task="backups", at={"report"}, file="b.md", reply=text("no JSON"), times=1))
async with ScriptedNode(model) as node: ...
```

By hand: `python -m bench.support.small_model --port 8000`, then
`treehold run "…" --files DIR --model small-8b --base-url http://127.0.0.1:8000/v1`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from bench.support.replies import Answer, HttpError, Reply, ToolUse, calls, text
from bench.support.scripted_node import Request, ScriptedNode
from bench.support.scripts import ALLOWED
from bench.support.templates import objection
from core.blocks import read_blocks

Moment = Literal["plan", "act", "report", "return", "answer", "select", "validate"]
"""`act`: a worker before its first tool result; `report`: after it; `return`: asked for its return."""

MOST_SUBTASKS = 4
QUOTES = 2
CONTEXT_TOKENS = 16_384

_ASKED: tuple[tuple[str, Moment], ...] = (
    ("Give the PLAN now", "plan"),
    ("Give the ANSWER now", "answer"),
    ("SELECT now", "select"),
    ("Give the verdict now", "validate"),
    ("Give your return now", "return"),
    ("Your return was refused", "return"),
)
_NO_RESULT = ("error (", "not run: ")
_LIMIT = re.compile(r"at most (\d+) subtasks")
_LINE = re.compile(r"^(?P<number>\d+)\t(?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the model understands it; `results` are what tools gave it, refusals left out."""

    moment: Moment
    blocks: Mapping[str, Any]
    results: tuple[str, ...]
    request: Request

    @property
    def goal(self) -> str:
        return str(self.blocks.get("goal", ""))

    @property
    def paths(self) -> list[str]:
        return [str(file["path"]) for file in self.blocks.get("inputs", [])]


Twist = Callable[[Asked, Answer], Reply]
"""Makes a reply of the good one."""


@dataclass(kw_only=True)
class Fault:
    """One way to misbehave.

    Attributes:
        task: a part of the goal of the task it is for.
        at: the moments it happens in.
        reply: what is said instead.
        file: only to the agent that was given this file; empty means to any.
        times: how often; None means always.
    """

    task: str
    at: set[Moment]
    reply: Reply | Twist
    file: str = ""
    times: int | None = None
    happened: int = 0

    def hits(self, asked: Asked) -> bool:
        left = self.times is None or self.happened < self.times
        mine = not self.file or asked.paths == [self.file]
        return left and mine and asked.moment in self.at and self.task in asked.goal


@dataclass
class SmallModel:
    """`modes` are the ways of asking its node knows; `output` is what it fills a user's schema with."""

    faults: list[Fault] = field(default_factory=list[Fault])
    modes: frozenset[str] = frozenset({"json_schema", "tools"})
    output: object = None

    def __call__(self, request: Request) -> Reply:
        wrong = self._unsupported(request) or objection(request, context_tokens=CONTEXT_TOKENS)
        if wrong:
            return HttpError(status=400, message=wrong)
        asked = understood(request)
        good = replace(self._spoken(asked), chunk=64)
        for fault in self.faults:
            if fault.hits(asked):
                fault.happened += 1
                return fault.reply(asked, good) if callable(fault.reply) else fault.reply
        return good

    def _spoken(self, asked: Asked) -> Answer:
        """The good reply, given in the way the request asks for."""
        match asked.moment:
            case "plan":
                return _shaped(asked, "plan", plan(asked))
            case "act":
                return calls(*_first_calls(asked))
            case "report":
                return text(json.dumps(findings(asked)))
            case "return":
                return _shaped(asked, "findings", findings(asked))
            case "answer":
                return _shaped(asked, "answer", answer(asked) | self._filled())
            case "select":
                return _shaped(asked, "selection", selection(asked))
            case "validate":
                return _shaped(asked, "verdict", ALLOWED)

    def _filled(self) -> dict[str, object]:
        return {} if self.output is None else {"output": self.output}

    def _unsupported(self, request: Request) -> str | None:
        if "response_format" in request and "json_schema" not in self.modes:
            return "response_format of type json_schema is not supported by this node"
        if "tools" in request and "tools" not in self.modes:
            return "tools are not enabled on this node"
        return None


def understood(request: Request) -> Asked:
    """What a request asks for: the last thing its users' messages say decides."""
    messages = cast(list[dict[str, Any]], request["messages"])
    said = "\n\n".join(str(message["content"]) for message in messages if message["role"] == "user")
    told = [str(message["content"]) for message in messages if message["role"] == "tool"]
    blocks = read_blocks(said)
    told += [entry["result"] for entry in cast(list[dict[str, str]], blocks.get("results", []))]
    results = tuple(result for result in told if not result.startswith(_NO_RESULT))
    words, moment = max(_ASKED, key=lambda asking: said.rfind(asking[0]))
    if words not in said:
        moment = "report" if results else "act"
    return Asked(moment=moment, blocks=blocks, results=results, request=request)


def _shaped(asked: Asked, name: str, value: object) -> Answer:
    content = json.dumps(value)
    offered = {tool["function"]["name"] for tool in asked.request.get("tools", [])}
    return calls(ToolUse(name=name, arguments=content)) if name in offered else text(content)


def plan(asked: Asked) -> dict[str, Any]:
    """A subtask for each of the files nearest to the goal; one without files where there are none."""
    limit = _LIMIT.search(str(asked.request["messages"]))
    most = min(MOST_SUBTASKS, int(limit[1]) if limit else MOST_SUBTASKS)
    files = sorted(asked.blocks.get("inputs", []), key=lambda file: -float(file["score"]))[:most]
    question = str(asked.blocks["question"])
    steps = [
        _step(f"Look into {f['path']}", f"{question} What does {f['path']} say?", [f["ref"]]) for f in files
    ]
    return {"subtasks": steps or [_step("Think about it", question, [])]}


def _step(title: str, question: str, inputs: list[str]) -> dict[str, Any]:
    return {"title": title, "question": question, "inputs": inputs, "split": False, "after": []}


def _first_calls(asked: Asked) -> Iterator[ToolUse]:
    for path in asked.paths:
        query = {"query": str(asked.blocks["question"]), "path": path, "limit": 3}
        yield ToolUse(name="search_meaning", arguments=json.dumps(query))


def findings(asked: Asked) -> dict[str, Any]:
    """The lines of the tool results that share most words with the question."""
    wanted = _words(str(asked.blocks["question"]))
    lines = [
        (len(wanted & _words(match["text"])), int(match["number"]), match["text"])
        for result in asked.results
        for match in _LINE.finditer(result)
        if "\\" not in match["text"]
    ]
    best = sorted(lines, key=lambda line: (-line[0], line[1]))[:QUOTES]
    found = [
        {"file": asked.paths[0], "line": number, "quote": quote.strip(), "relevance": 0.9}
        for shared, number, quote in best
        if shared and asked.paths
    ]
    return {"status": "found" if found else "not_found", "findings": found, "summary": "In my own words."}


def answer(asked: Asked) -> dict[str, Any]:
    gathered = asked.blocks["findings"]
    paragraphs = [
        {"text": f"As {found['file']} has it: {found['quote']}", "cites": [found["id"]]}
        for found in gathered["findings"][:6]
    ] or [{"text": "The workers found nothing about it.", "cites": []}]
    return {"paragraphs": paragraphs, "complete": not gathered["failed"]}


def selection(asked: Asked) -> dict[str, Any]:
    ids = [found["id"] for found in asked.blocks["findings"]["findings"]]
    return {"status": "found" if ids else "not_found", "cites": ids[:6]}


def _words(said: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", said.lower()))


def requests_of(task: str, requests: Sequence[Request]) -> list[Asked]:
    """The requests made for the task whose goal holds these words."""
    return [asked for asked in map(understood, requests) if task in asked.goal]


async def _serve(port: int) -> None:
    async with ScriptedNode(SmallModel(), port=port, models=("small-8b",)) as node:
        print(node.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted node that plans, works and answers.")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
