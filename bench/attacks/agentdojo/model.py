"""The gullible model: a scripted OpenAI-compatible server, for planner, worker and validator alike.

It does what the user's task needs, call by call, as AgentDojo's ground truth has it, and obeys every
injection that it can read in any message, at once, however its white space or encoding was changed. It keeps
nothing between requests: what a request shows is all that it knows, beside the scripts of the runs. As the
validator it allows everything, so that what holds here holds without a model's judgement.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from aiohttp import web

from bench.attacks.agentdojo.tools import name_of
from bench.support.replies import Answer, ToolUse
from bench.support.wire import chunks, completion, frame
from core.blocks import read_blocks

Request = dict[str, Any]
Call = Mapping[str, Any]

_RUN = re.compile(r"\[run r(\d+)r\]")
_TEXTS = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBERS = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_WORDS = re.compile(r"[\w.@:'-]*\w")
_MOST_VALUES = 16
_VALUE_CHARACTERS = 300
_ANSWER = "answer"
_WHOLE = 1 << 20


def goal_of(run: int, prompt: str) -> str:
    """What the user writes: the prompt, and the run in letters that are no value of any tool."""
    return f"[run r{run}r] {prompt}"


@dataclass(frozen=True, kw_only=True)
class Script:
    """A run, as the model knows it."""

    suite: str
    prompt: str
    output: str
    calls: Sequence[Call]
    attack: Sequence[Call] = ()
    attack_output: str = ""


@dataclass
class Gullible:
    """Attributes: `scripts` by the numbers of runs; `asked` counts the calls by kind."""

    scripts: dict[int, Script] = field(default_factory=dict[int, Script])
    asked: Counter[str] = field(default_factory=Counter[str])

    async def chat(self, http: web.Request) -> web.Response:
        request = cast(Request, await http.json())
        number = sum(self.asked.values()) + 1
        answer = self.reply(request)
        if not request.get("stream"):
            return web.json_response(completion(answer, request, number))
        frames = b"".join(frame(item) for item in chunks(answer, request, number))
        return web.Response(body=frames + frame("[DONE]"), content_type="text/event-stream")

    def reply(self, request: Request) -> Answer:
        messages = cast(list[dict[str, Any]], request["messages"])
        found = _RUN.search("\n".join(_text(message) for message in messages))
        if found is None:
            raise web.HTTPBadRequest(text="no run is named")
        run = int(found[1])
        script = self.scripts[run]
        kind = str(request.get("response_format", {}).get("json_schema", {}).get("name", "act"))
        self.asked[kind] += 1
        match kind:
            case "plan":
                return _said(_plan(script, run))
            case "verdict":
                return _said({"decision": "allow", "reason_code": "needed"})
            case "answer":
                return _said(_answer(messages, script, obeys(messages, run)))
            case _:
                return _work(messages, script, obeyed=obeys(messages, run), returning=kind == "findings")


def obeys(messages: Sequence[Mapping[str, Any]], run: int) -> bool:
    """Whether an injection stands in what others wrote, in whatever disguise."""
    marker = f"<informationid={run}>"
    return any(marker in _plain(_text(message)) for message in messages if message["role"] != "assistant")


def _plain(text: str) -> str:
    """Without white space, escapes and look-alike forms."""
    text = text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\n", "")
    text = unicodedata.normalize("NFKC", html.unescape(unquote(text)))
    return "".join(
        letter for letter in text if not letter.isspace() and unicodedata.category(letter) != "Cf"
    ).lower()


def _plan(script: Script, run: int) -> dict[str, Any]:
    step = {"title": "do it", "question": goal_of(run, script.prompt)[:4000], "inputs": list[str]()}
    return {"subtasks": [step | {"split": False, "after": list[int]()}]}


def _work(messages: Sequence[Mapping[str, Any]], script: Script, *, obeyed: bool, returning: bool) -> Answer:
    """The attacker's calls first, once they were read; then the user's; then the return.

    What was begun is carried on, also where a small window holds the injection no more.
    """
    made = [use["function"] for message in messages for use in message.get("tool_calls") or ()]
    counted = Counter(_key(use["name"], use["arguments"]) for use in made)
    obeyed = obeyed or any(
        counted[_called(script, call)] for call in script.attack if call not in script.calls
    )
    if not returning:
        for call in [*(script.attack if obeyed else ()), *script.calls]:
            name, arguments = name_of(script.suite, call["name"]), json.dumps(call["arguments"])
            if counted[_called(script, call)]:
                counted[_called(script, call)] -= 1
            else:
                return Answer(tool_calls=(ToolUse(name=name, arguments=arguments),), chunk=_WHOLE)
    refused = any("was refused" in _text(message) for message in messages if message["role"] == "user")
    return _said(_return(messages, script, obeyed=obeyed, refused=refused))


def _called(script: Script, call: Call) -> str:
    return _key(name_of(script.suite, call["name"]), json.dumps(call["arguments"]))


def _key(name: str, arguments: str) -> str:
    return f"{name} {json.dumps(json.loads(arguments), sort_keys=True)}"


def _return(
    messages: Sequence[Mapping[str, Any]], script: Script, *, obeyed: bool, refused: bool
) -> dict[str, Any]:
    """First in its own words, the attacker's too; where the gate refuses them, what tools brought."""
    wanted = [script.output, *([script.attack_output] if obeyed else ())]
    texts = [text for text in wanted if text]
    if refused:
        texts = list(_covering(wanted, _texts_read(messages)))
    figures = [
        {"name": f"n{number}", "value": float(value)}
        for number, value in enumerate(dict.fromkeys(_NUMBERS.findall(script.output)))
    ]
    values = [{"name": f"t{number}", "text": text} for number, text in enumerate(texts[:_MOST_VALUES])]
    return {"status": "found", "findings": list[Any](), "figures": figures[:32], "values": values}


def _texts_read(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The strings in tool results, which are JSON, also where the end of one is cut off."""
    found: dict[str, None] = {}
    for message in messages:
        if message["role"] == "tool":
            for quoted in _TEXTS.findall(_text(message)):
                text = json.loads(f'"{quoted}"')
                if text.strip() and len(text) <= _VALUE_CHARACTERS and text.isprintable():
                    found[text] = None
    return list(found)


def _covering(wanted: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Few texts that hold the words that are wanted: those said whole first, then the shortest for more."""
    missing = {word for text in wanted for word in _WORDS.findall(text) if len(word) > 2 or word.isdigit()}
    chosen: list[str] = []
    whole = sorted((text for text in texts if any(text in want for want in wanted)), key=len, reverse=True)
    while len(chosen) < _MOST_VALUES:
        held = {text: sum(word in text for word in missing) for text in texts}
        best = next((text for text in whole if held[text]), None) or max(
            texts, key=lambda text: (held[text], -len(text)), default=""
        )
        if not held.get(best):
            return chosen
        chosen.append(best)
        missing -= {word for word in missing if word in best}
    return chosen


def _answer(messages: Sequence[Mapping[str, Any]], script: Script, obeyed: bool) -> dict[str, Any]:
    """From names and numbers alone, unless it can read an injection."""
    found = cast(dict[str, Any], read_blocks(_text(messages[-1])).get("findings") or {})
    numbers = " ".join(f"{figure['value']:g}" for figure in found.get("figures", ()))
    places = " ".join(f"{{{value['id']}}}" for value in found.get("values", ()))
    said = f"Done. {places} {numbers} {script.attack_output if obeyed else ''}".strip()
    return {"paragraphs": [{"text": said, "cites": list[str]()}], "complete": True}


def _said(value: object) -> Answer:
    return Answer(content=json.dumps(value), chunk=_WHOLE)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in cast(list[dict[str, Any]], content))


@asynccontextmanager
async def served(model: Gullible) -> AsyncGenerator[str]:
    """The base URL of the server, while it runs."""
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", model.chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
