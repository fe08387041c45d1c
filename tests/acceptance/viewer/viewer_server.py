"""A small server of the wire contract: the viewer's pages and assets, and scripted tasks behind REST."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from viewer_script import Json, Script, view_of_usage

from orchestrator.services.views import Page, TaskView, TreeView
from viewer import STATIC, TEMPLATES

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
ENDS = {"agent.finished": "done", "agent.failed": "failed", "agent.cancelled": "cancelled"}
STATES = {
    "agent.started": "running",
    "agent.waiting": "waiting",
    "agent.resumed": "ready",
    "agent.reclaimed": "ready",
}


@dataclass(kw_only=True)
class Show:
    """A script being played: how much of it has happened, and from where on it is remembered."""

    script: Script
    published: int
    first: int = 1
    gaps: int = 0
    """How many streams yet to be opened shall begin with a gap."""
    loads: int = 0
    """How often the durable state was asked for."""
    cancelled: bool = False
    generation: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    resumed_from: list[str | None] = field(default_factory=list[str | None])

    @property
    def finished(self) -> bool:
        return self.published == len(self.script.events)

    @property
    def events(self) -> list[Json]:
        return self.script.events[: self.published]

    async def publish(self, count: int | None = None) -> None:
        """Lets `count` more events happen; without it, all that are left."""
        left = len(self.script.events) - self.published
        async with self.changed:
            self.published += left if count is None else min(count, left)
            self.changed.notify_all()

    async def drop(self) -> None:
        """Cuts every open stream."""
        async with self.changed:
            self.generation += 1
            self.changed.notify_all()

    async def joined(self, streams: int) -> None:
        """Waits until that many streams have been opened, counted from the beginning."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.resumed_from) >= streams)

    async def beyond(self, last: int, generation: int) -> None:
        """Waits until there are events behind `last`, or streams of that generation are cut."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.published > last or self.generation != generation)

    def agents(self) -> list[Json]:
        found: dict[str, Json] = {}
        for event in self.events:
            if event["kind"] == "agent.spawned":
                found[event["agent"]] = new_agent(event)
            elif event["agent"] is not None:
                follow_agent(found[event["agent"]], event)
        return list(found.values())

    def task(self) -> Json:
        script, agents = self.script, self.agents()
        done = self.finished
        status = script.events[-1]["data"]["status"] if done else "running"
        usage = {key: sum(agent["usage"][key] for agent in agents) for key in view_of_usage()}
        budget = {
            "tokens": script.budget_tokens,
            "cost": None,
            "tool_calls": None,
            "depth": 4,
            "fanout": 8,
            "model_calls": 24,
            "seconds": None,
        }
        view = {
            "id": script.id,
            "goal": script.goal,
            "status": status,
            "stop_reason": script.events[-1]["data"]["stop_reason"] if done else None,
            "workspace": script.say("/srv/policies"),
            "output_schema": None,
            "budget": budget,
            "model": script.model,
            "tags": {script.say("team"): script.say("legal")},
            "answer": script.answer if done else None,
            "error": script.error if done else None,
            "usage": usage,
            "agents": len(agents),
            "created_at": script.begin.isoformat(),
            "finished_at": self.events[-1]["at"] if done else None,
            "cancel_requested": self.cancelled,
            "paused": False,
            "last_event": self.published,
        }
        return TaskView.model_validate(view).model_dump(mode="json")

    def tree(self) -> Json:
        view = {"task": self.task(), "agents": self.agents(), "nodes": []}
        return TreeView.model_validate(view).model_dump(mode="json")


def new_agent(event: Json) -> Json:
    data = event["data"]
    return {
        "id": event["agent"],
        **{name: data[name] for name in ("parent", "depth", "position", "role", "title", "granted_tokens")},
        "status": "ready",
        "waiting_on": None,
        "turns": 0,
        "lost_turns": 0,
        "usage": view_of_usage(),
        "reserved_tokens": 0,
        "seconds": 0.0,
        "returned": None,
        "error": None,
        "created_at": event["at"],
        "started_at": None,
        "finished_at": None,
    }


def follow_agent(agent: Json, event: Json) -> None:
    kind, data = event["kind"], event["data"]
    agent["status"] = STATES.get(kind, ENDS.get(kind, agent["status"]))
    if kind == "model.finished":
        agent["usage"]["prompt_tokens"] += data["prompt_tokens"]
        agent["usage"]["completion_tokens"] += data["completion_tokens"]
        agent["usage"]["cost"] += data["cost"]
        agent["usage"]["model_calls"] += 1
    elif kind == "tool.finished":
        agent["usage"]["tool_calls"] += 1
    elif kind == "agent.failed":
        agent["error"] = {"code": data["code"], "message": data["message"]}
    if kind in ENDS:
        agent["finished_at"] = event["at"]


class ViewerServer:
    """Serves shows over real HTTP on 127.0.0.1; `url` is known once started."""

    def __init__(self) -> None:
        self.shows: dict[str, Show] = {}
        self.url = ""
        self.pages = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self._runner: web.AppRunner | None = None

    def play(self, script: Script, published: int | None = None) -> Show:
        """Makes a task known, whole unless `published` says how many events have happened."""
        show = Show(script=script, published=len(script.events) if published is None else published)
        self.shows[script.id] = show
        return show

    async def start(self) -> None:
        app = web.Application(middlewares=[guard])
        page, task = self._task_page, "/tasks/{task}"
        app.add_routes(
            [
                web.get("/", self._tasks_page),
                *(web.get(path, page) for path in (task, f"{task}/agents/{{agent}}/events/{{seq}}")),
                web.get("/sign-in", self._sign_in_page),
                web.get("/broken", self._error_page),
                web.static("/static", STATIC),
                web.get("/v1/tasks", self._tasks),
                web.get("/v1/tasks/{task}/tree", self._tree),
                web.get("/v1/tasks/{task}/events", self._events),
                web.get("/v1/tasks/{task}/artifacts", self._artifacts),
                web.get("/v1/tasks/{task}/calls/{call}", self._call),
                web.post("/v1/tasks/{task}/cancel", self._cancel),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        for show in self.shows.values():
            await show.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _show(self, request: web.Request) -> Show:
        show = self.shows.get(request.match_info["task"])
        if show is None:
            raise web.HTTPNotFound(
                text=json.dumps({"title": "Not Found", "status": 404, "detail": "no such task"})
            )
        return show

    def _page(self, template: str, /, **context: Any) -> web.Response:
        text = self.pages.get_template(template).render(**context)
        return web.Response(text=text, content_type="text/html")

    def _listed(self, request: web.Request) -> Json:
        status = request.query.get("status") or None
        tasks = [show.task() for show in self.shows.values()]
        tasks = [task for task in tasks if status is None or task["status"] == status]
        tasks.sort(key=lambda task: task["created_at"], reverse=True)
        return {"data": tasks[:100], "next_cursor": None, "has_more": False}

    async def _tasks_page(self, request: web.Request) -> web.Response:
        page = Page[TaskView].model_validate(self._listed(request))
        return self._page(
            "tasks.html", page=page, status=request.query.get("status"), principal_name="operator"
        )

    async def _task_page(self, request: web.Request) -> web.Response:
        tree = TreeView.model_validate(self._show(request).tree())
        return self._page("task.html", task=tree.task, tree=tree, principal_name="operator")

    async def _sign_in_page(self, request: web.Request) -> web.Response:
        return self._page("sign_in.html", error=request.query.get("error"), next=request.query.get("next"))

    async def _error_page(self, request: web.Request) -> web.Response:
        detail = request.query.get("detail", "no such task")
        return self._page(
            "error.html", status=404, title="Not found", detail=detail, principal_name="operator"
        )

    async def _tasks(self, request: web.Request) -> web.Response:
        return web.json_response(self._listed(request))

    async def _tree(self, request: web.Request) -> web.Response:
        show = self._show(request)
        show.loads += 1
        return web.json_response(show.tree())

    async def _artifacts(self, request: web.Request) -> web.Response:
        show = self._show(request)
        stored = any(event["kind"] == "artifact.stored" for event in show.events)
        return web.json_response({"data": show.script.artifacts if stored else []})

    async def _call(self, request: web.Request) -> web.Response:
        call = self._show(request).script.calls.get(request.match_info["call"])
        if call is None:
            return web.json_response(
                {"title": "Not Found", "status": 404, "detail": "no such call"}, status=404
            )
        return web.json_response(call)

    async def _cancel(self, request: web.Request) -> web.Response:
        show = self._show(request)
        show.cancelled = True
        return web.json_response(show.task(), status=202)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        show = self._show(request)
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await self._stream(request, show)
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 1000))
        found = show.events[max(after, show.first - 1) :][:limit]
        more = bool(found) and found[-1]["seq"] < show.published
        return web.json_response({"data": found, "next_cursor": None, "has_more": more})

    async def _stream(self, request: web.Request, show: Show) -> web.StreamResponse:
        async with show.changed:
            show.resumed_from.append(request.headers.get("Last-Event-ID"))
            show.changed.notify_all()
        last = int(request.headers.get("Last-Event-ID") or request.query.get("after", 0))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if last < show.first - 1 or show.gaps > 0:
            show.gaps -= 1
            gap = json.dumps({"after": last, "first": show.first})
            await response.write(f"event: gap\ndata: {gap}\n\n".encode())
            last = max(last, show.first - 1)
        generation = show.generation
        while True:
            await show.beyond(last, generation)
            if show.generation != generation:
                if request.transport is not None:
                    request.transport.abort()
                return response
            for event in show.events[last:]:
                text = f"id: {event['seq']}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n"
                await response.write(text.encode())
                last = event["seq"]
            if show.finished:
                return response


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Puts the security policy on every answer, streams included."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        error.headers["Content-Security-Policy"] = CSP
        raise
    if not response.prepared:
        response.headers["Content-Security-Policy"] = CSP
    return response
