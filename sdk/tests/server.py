"""A server of a few scripted answers, behind httpx's transport port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from treehold import Retry, Treehold

TASK = "0192d3c0-0000-7000-8000-000000000001"
KEY = "th_key"
HASTY = Retry(attempts=3, reconnects=3, first_pause=0.0, longest_pause=0.0)

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def task(**changes: Any) -> dict[str, Any]:
    view = {
        "id": TASK,
        "goal": "Why?",
        "status": "running",
        "stop_reason": None,
        "workspace": None,
        "output_schema": None,
        "budget": {"tokens": None, "depth": 4, "fanout": 8, "model_calls": 24, "seconds": None},
        "model": {"name": "offline", "provider": "treehold", "offline": True, "base_url": None},
        "tags": {},
        "answer": None,
        "error": None,
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "agents": 1,
        "created_at": "2026-11-21T08:30:00Z",
        "finished_at": None,
        "cancel_requested": False,
        "paused": False,
        "last_event": 1,
    }
    return view | changes


def event(seq: int, kind: str = "agent.started") -> dict[str, Any]:
    return {
        "seq": seq,
        "at": "2026-11-21T08:30:00Z",
        "kind": kind,
        "task": TASK,
        "agent": None,
        "data": {},
    }


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def problem(status: int, code: str, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    body = {"type": f"urn:treehold:problem:{code}", "code": code, "detail": "because", "status": status}
    return httpx.Response(status, json=body | members, headers=headers)


class Server:
    """Answers requests one after the other; the last answer is given to all that follow."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def client(self, retry: Retry = HASTY) -> Treehold:
        return Treehold("http://server.example", KEY, retry=retry, transport=httpx.MockTransport(self))
