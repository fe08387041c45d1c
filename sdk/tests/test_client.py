from __future__ import annotations

import inspect
import json
from pathlib import PurePosixPath

import httpx
import pytest
from pydantic import BaseModel

import treehold
from sdk.tests.server import KEY, TASK, Server, event, ok, problem, task
from treehold import (
    AccessDenied,
    ApiError,
    AsyncTreehold,
    Budget,
    Conflict,
    InvalidRequest,
    NotFound,
    OutputMismatch,
    RateLimited,
    TaskFailed,
    TransportError,
    Treehold,
    TreeholdError,
)


class Report(BaseModel):
    seconds: int


def done(**answer: object) -> httpx.Response:
    return ok(task(status="done", answer={"text": "Ten.", **answer}))


def test_a_submission_says_what_was_asked() -> None:
    server = Server(ok(task(), 201))
    task_ = server.client().submit(
        "Why?",
        workspace=PurePosixPath("/srv/docs"),
        output=Report,
        budget=Budget(tokens=0, seconds=9.5),
        tags={"team": "legal"},
        tools={"b", "a"},
    )
    (request,) = server.requests
    body = json.loads(request.content)
    assert body.pop("output_schema")["properties"] == {"seconds": {"title": "Seconds", "type": "integer"}}
    assert body == {
        "goal": "Why?",
        "workspace": "/srv/docs",
        "budget": {"tokens": 0, "seconds": 9.5},
        "tags": {"team": "legal"},
        "tools": ["a", "b"],
    }
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (task_.output_type, task_.finished) == (Report, False)


def test_a_repeated_submission_keeps_its_key() -> None:
    lost = httpx.ReadError("lost")
    server = Server(lost, problem(503, "storage_unavailable"), ok(task(), 200))
    server.client().submit("Why?")
    server.client().submit("Why?", idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] == keys[1] == keys[2]
    assert (len(keys[0]), keys[3]) == (32, "mine")


def test_the_result_is_an_instance_of_the_model() -> None:
    server = Server(ok(task(), 201), done(output={"seconds": 10}))
    result = server.client().run("Why?", output=Report)
    assert result.output == Report(seconds=10)
    assert (result.text, result.citations, result.partial) == ("Ten.", (), False)


def test_without_a_model_the_output_is_json() -> None:
    assert Server(done(output={"a": 1})).client().wait(TASK).output == {"a": 1}
    assert Server(done()).client().wait(TASK).output is None


@pytest.mark.parametrize("output", [None, {"seconds": "long"}, []])
def test_an_output_that_does_not_fit_is_said_to(output: object) -> None:
    server = Server(ok(task(), 201), done(output=output))
    with pytest.raises(OutputMismatch) as caught:
        server.client().run("Why?", output=Report)
    assert caught.value.task.status == "done"


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (task(status="failed", error={"code": "agent_failed", "message": "no return"}), "no return"),
        (task(status="cancelled", stop_reason="cancelled"), "cancelled"),
        (task(status="done", answer=None), "no answer"),
    ],
)
def test_a_task_without_an_answer_has_failed(view: dict[str, object], reason: str) -> None:
    with pytest.raises(TaskFailed, match=reason) as caught:
        Server(ok(view)).client().wait(TASK)
    assert caught.value.task.status == view["status"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, NotFound),
        (409, Conflict),
        (422, InvalidRequest),
        (429, RateLimited),
        (500, ApiError),
        (503, ApiError),
    ],
)
def test_problems_are_errors(status: int, kind: type[ApiError]) -> None:
    server = Server(problem(status, "some_code", retryable=status == 503))
    with pytest.raises(kind, match="because") as caught:
        server.client().get(TASK)
    error = caught.value
    assert (error.status, error.code, error.retryable) == (status, "some_code", status == 503)
    assert error.problem["type"] == "urn:treehold:problem:some_code"
    assert len(server.requests) == (3 if status in {429, 503} else 1)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b"", b"\xff"])
def test_an_error_of_someone_else_is_still_an_error(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        Server(httpx.Response(502, content=body)).client().get(TASK)
    assert (caught.value.status, caught.value.code) == (502, "http_502")


@pytest.mark.parametrize("body", [b"<html>Sign in to the network</html>", b"{}", b""])
def test_an_answer_of_someone_else_is_no_task(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        Server(httpx.Response(200, content=body)).client().get(TASK)
    assert caught.value.code == "unexpected_answer"


def test_a_server_that_is_not_there_is_a_transport_error() -> None:
    server = Server(httpx.ConnectError("refused"))
    with pytest.raises(TransportError, match=r"http://server\.example does not answer: refused"):
        server.client().get(TASK)
    assert len(server.requests) == 3


def test_pages_are_read_one_after_the_other() -> None:
    first = ok({"data": [task(goal="b")], "next_cursor": "next", "has_more": True})
    server = Server(first, ok({"data": [task(goal="a")], "next_cursor": None, "has_more": False}))
    assert [each.goal for each in server.client().list(status="done")] == ["b", "a"]
    assert server.requests[1].url.params["cursor"] == "next"
    assert server.requests[1].url.params["status"] == "done"


def test_events_are_read_in_pages() -> None:
    first = ok({"data": [event(3), event(4)], "next_cursor": "4", "has_more": True})
    server = Server(first, ok({"data": [event(5)], "next_cursor": None, "has_more": False}))
    assert [each.seq for each in server.client().events(TASK, after=2)] == [3, 4, 5]
    assert [request.url.params["after"] for request in server.requests] == ["2", "4"]


def test_what_is_no_id_becomes_no_path() -> None:
    server = Server(ok(task()))
    with pytest.raises(ValueError, match="badly formed"):
        server.client().get("../keys")
    assert server.requests == []


def test_unknown_fields_are_ignored() -> None:
    view = task(surprise=1, status="paused", usage={"prompt_tokens": 1, "thoughts": 2})
    found = Server(ok(view)).client().get(TASK)
    assert (found.status, found.usage.tokens) == ("paused", 1)


def face(client: type) -> dict[str, list[str]]:
    """Public methods and their parameters."""
    public = {name: method for name, method in vars(client).items() if not name.startswith("_")}
    return {name: list(inspect.signature(method).parameters) for name, method in public.items()}


def test_both_clients_have_the_same_methods() -> None:
    blocking, other = face(Treehold), face(AsyncTreehold)
    assert blocking.pop("close") == other.pop("aclose")
    assert blocking == other


def test_there_is_one_error_tree() -> None:
    public = [each for each in vars(treehold).values() if inspect.isclass(each)]
    errors = [each for each in public if issubclass(each, Exception)]
    assert len(errors) == 12
    assert all(issubclass(each, TreeholdError) for each in errors)
    assert sorted(treehold.__all__) == treehold.__all__
