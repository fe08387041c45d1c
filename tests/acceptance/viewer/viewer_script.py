"""Scripted tasks: event streams of the shape that the engine records, made without an engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from pydantic import JsonValue

from core.blocks import block
from core.provenance import Trust

SPACE = UUID("6b1f0a52-6f0e-4d9e-9c53-2f6d3c1d7a10")
BEGIN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

Json = dict[str, Any]
Wording = Callable[[str], str]
"""Gives the text to use where the script would say its argument; hostile scripts answer otherwise."""


def plain(text: str) -> str:
    return text


def view_of_usage(**figures: int) -> Json:
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost", "model_calls", "tool_calls")
    return {name: figures.get(name, 0) for name in names}


@dataclass(kw_only=True)
class Script:
    """Events in order, with the calls, artifacts and answer that belong to them."""

    name: str
    goal: str
    say: Wording = plain
    offline: bool = True
    begin: datetime = BEGIN
    events: list[Json] = field(default_factory=list[Json])
    calls: dict[str, Json] = field(default_factory=dict[str, Json])
    artifacts: list[Json] = field(default_factory=list[Json])
    answer: Json | None = None
    error: Json | None = None
    budget_tokens: int | None = 120_000
    clock: float = 0.0

    @property
    def id(self) -> str:
        return self.uuid("task")

    @property
    def model(self) -> Json:
        if self.offline:
            return {
                "name": self.say("treehold-offline"),
                "provider": "offline",
                "offline": True,
                "base_url": None,
            }
        return {
            "name": self.say("qwen3-8b-instruct"),
            "provider": self.say("openai"),
            "offline": False,
            "base_url": self.say("http://gpu-1.internal:8000/v1"),
        }

    def uuid(self, label: str) -> str:
        return str(uuid5(SPACE, f"{self.name}/{label}"))

    def wait(self, seconds: float) -> None:
        self.clock += seconds

    def now(self) -> str:
        return (self.begin + timedelta(seconds=self.clock)).isoformat()

    def emit(self, kind: str, agent: str | None = None, /, **data: Any) -> int:
        seq = len(self.events) + 1
        self.events.append(
            {"seq": seq, "at": self.now(), "kind": kind, "task": self.id, "agent": agent, "data": data}
        )
        return seq

    def journal(self, call: str, agent: str, kind: str, name: str, request: Any, outcome: Any) -> None:
        self.calls[call] = {
            "id": call,
            "agent": agent,
            "position": len(self.calls),
            "kind": kind,
            "name": name,
            "effect": "pure",
            "state": "done",
            "request": request,
            "outcome": outcome,
            "usage": view_of_usage(),
            "attempts": 1,
            "started_at": self.now(),
            "finished_at": self.now(),
        }


@dataclass(kw_only=True)
class Actor:
    """One agent of a script, with the steps agents take."""

    script: Script
    label: str
    turn: int = 0
    made: int = 0

    @property
    def id(self) -> str:
        return self.script.uuid(f"agent/{self.label}")

    def call_id(self) -> str:
        self.made += 1
        return self.script.uuid(f"call/{self.label}/{self.made}")

    def spawn(self, parent: Actor | None, role: str, title: str, depth: int, position: int = 0) -> Actor:
        self.script.emit(
            "agent.spawned",
            self.id,
            parent=None if parent is None else parent.id,
            role=self.script.say(role),
            title=self.script.say(title),
            depth=depth,
            position=position,
            granted_tokens=20_000,
        )
        return self

    def start(self) -> None:
        self.turn += 1
        self.script.emit(
            "agent.started", self.id, turn=self.turn, fence=self.turn, worker=self.script.say("w-1")
        )

    def pause(self, children: list[Actor]) -> None:
        self.script.emit(
            "agent.waiting",
            self.id,
            on=self.script.say("children"),
            children=[child.id for child in children],
        )

    def resume(self) -> None:
        self.script.emit("agent.resumed", self.id, on="children")

    def finish(self) -> None:
        self.script.emit("agent.finished", self.id, seconds=self.script.clock, returned=True)

    def think(
        self, name: str, seconds: float, tokens: tuple[int, int], tool_calls: tuple[str, ...] = ()
    ) -> None:
        self.begin_thinking(name)
        self.script.wait(seconds)
        self.end_thinking(name, seconds, tokens, tool_calls)

    def begin_thinking(self, name: str) -> None:
        script = self.script
        script.emit(
            "model.started",
            self.id,
            call=self.call_id(),
            name=script.say(name),
            model=script.model["name"],
            position=self.made,
            reserved_tokens=4000,
        )

    def end_thinking(
        self, name: str, seconds: float, tokens: tuple[int, int], tool_calls: tuple[str, ...] = ()
    ) -> None:
        script, say = self.script, self.script.say
        call = script.uuid(f"call/{self.label}/{self.made}")
        script.journal(call, self.id, "model", name, prompt(say), reply(say, tool_calls))
        script.emit(
            "model.finished",
            self.id,
            call=call,
            name=say(name),
            model=script.model["name"],
            offline=script.offline,
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            cached_tokens=tokens[0] // 2,
            cost=0 if script.offline else tokens[0] + 3 * tokens[1],
            seconds=seconds,
            finish_reason=say("tool_calls" if tool_calls else "stop"),
            tool_calls=[say(each) for each in tool_calls],
            structured=not tool_calls,
            replayed=False,
        )

    def use(self, tool: str, seconds: float, arguments: Json, *, tainted: bool = True) -> None:
        script, say = self.script, self.script.say
        call, text = self.call_id(), json.dumps(arguments)
        script.emit("tool.started", self.id, call=call, name=say(tool), arguments=text, position=self.made)
        script.wait(seconds)
        outcome = {
            "ok": True,
            "content": say(PASSAGE),
            "data": None,
            "provenance": {"trust": 0, "origins": [{"kind": "file", "id": say("policies/retention.md")}]},
            "artifacts": [script.uuid("artifact")],
        }
        script.journal(call, self.id, "tool", tool, {"name": say(tool), "arguments": text}, outcome)
        script.emit(
            "tool.finished",
            self.id,
            call=call,
            name=say(tool),
            seconds=seconds,
            characters=len(PASSAGE),
            artifact=None,
            tainted=tainted,
        )

    def refused(self, tool: str, code: str, message: str) -> None:
        say = self.script.say
        self.script.emit(
            "tool.refused", self.id, call=self.call_id(), name=say(tool), code=say(code), message=say(message)
        )

    def recall(self) -> None:
        script, say = self.script, self.script.say
        call = self.call_id()
        used = [
            {
                "id": script.uuid(f"record/{at}"),
                "kind": say("insight"),
                "origin": say(f"task 8{at}f2"),
                "similarity": 0.83 - at / 20,
                "position": at,
                "title": say("Retention rules stand in the annex, not in the main text"),
            }
            for at in range(2)
        ]
        held = [
            {
                "id": script.uuid("record/held"),
                "kind": say("episode"),
                "origin": say("web:example.org"),
                "similarity": 0.79,
                "reason": say("its recorded actions disagree with its siblings'"),
            }
        ]
        script.emit("recall.started", self.id, call=call, position=self.made)
        script.wait(0.04)
        script.emit("recall.used", self.id, call=call, records=used)
        script.emit("recall.held_back", self.id, call=call, records=held)


PASSAGE = "Records of customers are kept for seven years after the end of the contract.\n" * 60


def prompt(say: Wording) -> Json:
    found: list[JsonValue] = [{"file": say("policies/retention.md"), "text": say(PASSAGE)}]
    passages = "\n".join([say("Passages found:"), block("passages", found, Trust.UNTRUSTED)])
    return {
        "kind": "act",
        "messages": [
            {
                "role": "system",
                "content": say("You are a worker. Answer from the passages only, with quotes."),
            },
            {"role": "user", "content": say("Question: how long are records kept?")},
            {"role": "tool", "tool_call_id": say("call_1"), "content": passages},
        ],
        "tools": [{"name": say("search"), "description": say("Search files"), "parameters": {}}],
        "output_schema": None,
        "max_tokens": 1024,
    }


def reply(say: Wording, tool_calls: tuple[str, ...]) -> Json:
    return {
        "content": say("Records are kept for **seven years**, see `retention.md`."),
        "tool_calls": [
            {"id": "call_2", "name": say(name), "arguments": json.dumps({"pattern": say("retention")})}
            for name in tool_calls
        ],
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 900, "completion_tokens": 80},
        "output": None,
    }


def answer_of(say: Wording) -> Json:
    return {
        "text": say(
            "Customer records are kept for **seven years**; access logs for ninety days.\n\n"
            "- Customer records: seven years after the contract ends.\n"
            "- Access logs: ninety days, then deleted.\n"
            "- Backups follow the longest of the periods they hold.\n\n"
            "The policy of 2019 is superseded by the annex."
        ),
        "citations": [
            {
                "file": say("policies/retention.md"),
                "line": 42,
                "quote": say("kept for seven years after the end of the contract"),
            },
            {
                "file": say("policies/annex-b.md"),
                "line": 7,
                "quote": say("access logs are deleted after ninety days"),
            },
            {
                "file": say("runbooks/backup.md"),
                "line": 118,
                "quote": say("a backup is kept as long as its longest-lived record"),
            },
        ],
        "output": {"years": 7, "note": say("annex B")},
        "notes": [say("skipped: archive.zip (binary)")],
    }


QUESTIONS = (
    "How long customer records are kept",
    "Which logs are deleted and when",
    "What the backup runbook promises",
    "Who may extend a retention period",
    "What changed since the policy of 2019",
    "Which documents contradict each other",
)


def research(name: str = "research", *, say: Wording = plain, offline: bool = True) -> Script:
    """A planner, six workers, one of them with children; refusals, a failure, recall, a gate that says no."""
    script = Script(
        name=name,
        goal=say("What do our policies say about retention, and where do they disagree?"),
        say=say,
        offline=offline,
    )
    root = Actor(script=script, label="root")
    script.emit(
        "task.submitted",
        goal=script.goal,
        model=script.model,
        workspace=say("/srv/policies"),
        files=48,
        skipped=1,
    )
    root.spawn(None, "planner", "Plan and assemble", 0)
    script.wait(0.05)
    root.start()
    root.recall()
    root.think("plan", 1.4, (2100, 340))
    changes = [
        {"op": "create", "key": f"q{at}", "title": say(title), "status": "open"}
        for at, title in enumerate(QUESTIONS)
    ]
    script.emit("tree.revised", root.id, revision=1, actor=say("planner"), changes=changes)
    workers = [
        Actor(script=script, label=f"worker-{at}").spawn(root, "worker", title, 1, at)
        for at, title in enumerate(QUESTIONS)
    ]
    root.pause(workers)
    for at, worker in enumerate(workers):
        script.wait(0.1)
        worker.start()
        worker.think("act", 0.6 + at * 0.1, (1400 + 50 * at, 90), ("search",))
        worker.use("search", 0.22, {"pattern": say("retention"), "path": say("policies/")})
    _nested(workers[0], say)
    _troubled(workers, say)
    for worker in (workers[1], workers[3], workers[5]):
        worker.think("return", 0.5, (1900, 160))
        script.emit("gate.accepted", worker.id, fields=4, handles=1, quotes=2)
        worker.finish()
    script.wait(0.2)
    root.resume()
    root.start()
    root.think("answer", 1.9, (3900, 520))
    _store(script, root, say)
    script.emit("memory.learned", root.id, episode=script.uuid("episode"), insights=1)
    root.finish()
    script.emit("task.finished", status="done", stop_reason="completed", seconds=script.clock)
    script.answer = answer_of(say)
    return script


def cut_short(name: str) -> Script:
    """Ends with half an answer, because its tokens were used up."""
    script = research(name)
    assert script.answer is not None
    script.answer |= {"partial": True, "limit": "tokens"}
    return script


def failed(
    name: str, *, code: str = "model_unavailable", message: str = "the model did not answer"
) -> Script:
    """Ends without an answer."""
    script = Script(name=name, goal="How long are records kept?", budget_tokens=None)
    root = Actor(script=script, label="root")
    script.emit("task.submitted", goal=script.goal, model=script.model, workspace=None, files=3, skipped=0)
    root.spawn(None, "lead", "lead", 0)
    root.start()
    root.think("plan", 1.4, (5122, 1884))
    script.emit("agent.failed", root.id, code=code, message=message)
    script.error = {"code": code, "message": message}
    script.emit("task.finished", status="failed", stop_reason="error", seconds=script.clock)
    return script


def _nested(worker: Actor, say: Wording) -> None:
    script = worker.script
    children = [
        Actor(script=script, label=f"reader-{at}").spawn(
            worker, "reader", f"Read policies/part-{at}.md", 2, at
        )
        for at in range(3)
    ]
    worker.pause(children)
    for child in children:
        child.start()
        child.use("read_file", 0.15, {"path": say("policies/retention.md"), "lines": [1, 80]})
        child.think("return", 0.4, (800, 70))
        script.emit("gate.accepted", child.id, fields=2, handles=0, quotes=1)
        child.finish()
    worker.resume()
    worker.start()
    worker.think("return", 0.7, (1600, 200))
    script.emit("gate.accepted", worker.id, fields=3, handles=1, quotes=3)
    worker.finish()


def _troubled(workers: list[Actor], say: Wording) -> None:
    second, fifth = workers[2], workers[4]
    script = second.script
    second.refused("http_get", "capability", "this agent may not reach example.org")
    second.think("return", 0.5, (1500, 120))
    script.emit("gate.refused", second.id, code=say("not_a_substring"), where=say("findings[1].quote"))
    second.think("return", 0.6, (1700, 130))
    script.emit("gate.accepted", second.id, fields=3, handles=0, quotes=2)
    second.finish()
    script.emit("agent.reclaimed", fifth.id, fence=2, lost_turns=1)
    script.wait(0.5)
    fifth.start()
    fifth.begin_thinking("act")
    call = script.uuid(f"call/{fifth.label}/{fifth.made}")
    script.wait(0.3)
    script.emit("model.retried", fifth.id, call=call, attempt=1, code=say("rate_limited"), wait_seconds=0.5)
    script.wait(0.8)
    script.emit(
        "model.failed",
        fifth.id,
        call=call,
        name=say("act"),
        code=say("timeout"),
        message=say("no reply in 30 s"),
        seconds=1.1,
    )
    script.emit(
        "agent.failed", fifth.id, code=say("model_unavailable"), message=say("the model did not answer")
    )


def _store(script: Script, root: Actor, say: Wording) -> None:
    artifact = script.uuid("artifact")
    script.artifacts.append(
        {
            "id": artifact,
            "task": script.id,
            "agent": root.id,
            "name": say("findings.csv"),
            "media_type": "text/csv",
            "size": 48_213,
            "sha256": "0" * 64,
            "tainted": True,
            "created_at": script.now(),
        }
    )
    script.emit(
        "artifact.stored",
        root.id,
        artifact=artifact,
        name=say("findings.csv"),
        media_type="text/csv",
        size=48_213,
        tainted=True,
    )


def crowd(name: str, spans: int) -> Script:
    """A finished task of about `spans` spans: many agents, each with tool calls."""
    script = Script(name=name, goal=f"A task of {spans} spans")
    root = Actor(script=script, label="root")
    script.emit("task.submitted", goal=script.goal, model=script.model, workspace=None, files=1, skipped=0)
    root.spawn(None, "planner", "Plan", 0)
    root.start()
    each = 24
    for at in range(spans // (each + 2)):
        worker = Actor(script=script, label=f"worker-{at}").spawn(root, "worker", f"Part {at}", 1, at)
        worker.start()
        for _ in range(each):
            call = worker.call_id()
            script.emit(
                "tool.started", worker.id, call=call, name="search", arguments={}, position=worker.made
            )
            script.wait(0.01)
            script.emit(
                "tool.finished",
                worker.id,
                call=call,
                name="search",
                seconds=0.01,
                characters=1,
                artifact=None,
                tainted=False,
            )
        worker.finish()
    root.finish()
    script.emit("task.finished", status="done", stop_reason="completed", seconds=script.clock)
    return script
