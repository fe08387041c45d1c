"""One request per operation of the API, and how its answer is read. Both clients send these."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from treehold.errors import ApiError
from treehold.models import (
    Approval,
    ApprovalStatus,
    Artifact,
    Budget,
    Call,
    Event,
    Message,
    MessageKind,
    ModelDescription,
    Node,
    Page,
    Revision,
    Task,
    TaskBudget,
    Tree,
)

R = TypeVar("R")

EVENTS_PAGE = 1000
REVISIONS_PAGE = 500
TASKS_PAGE = 50
APPROVALS_PAGE = 50

TaskRef = Task[Any] | UUID | str
"""A task, or its id."""
ApprovalRef = Approval | UUID | str
"""An approval, or its id."""


class MemoryAccess(TypedDict, total=False):
    """Which memory a task has: scopes are `tenant`, `team:NAME` and `private`.

    `read` are the scopes it recalls from, all the key may read unless given; `write` the one that takes in
    what it teaches, `tenant` unless given, and with None nothing is.
    """

    read: Collection[str]
    write: str | None


class TaskOptions(TypedDict, total=False):
    """What may be asked for with a task.

    `workspace` is a folder on the server; `output_schema` a JSON Schema of an object; `tools` the tools
    allowed, `hosts` the hosts they may reach and `approve` the tools that ask a person first; `allow` the
    values that may go to a sensitive place unasked (`recipient:ada@example.org`) and `tainted_sinks` what
    happens to a call with another that the user did not write; `memory=False` neither recalls what earlier
    tasks taught nor teaches later ones, and a `MemoryAccess` says which memory is read and where what the
    task teaches goes. `idempotency_key` is made up when it is not given.
    """

    workspace: str | os.PathLike[str]
    output_schema: Mapping[str, JsonValue]
    budget: Budget
    tags: Mapping[str, str]
    tools: Collection[str]
    hosts: Collection[str]
    approve: Collection[str]
    allow: Collection[str]
    tainted_sinks: Literal["ask", "refuse"]
    memory: bool | MemoryAccess
    idempotency_key: str


class ForkOptions(TypedDict, total=False):
    """How a task shall be forked.

    `event` is the number of its last event that counts, the last of all unless given; the limits that are set
    in `budget` replace the task's own; `tags` replace its tags. With `replay` no call is made: an agent whose
    next one is not recorded fails. `idempotency_key` is made up when it is not given.
    """

    event: int
    replay: bool
    budget: Budget
    tags: Mapping[str, str]
    idempotency_key: str


class RunOptions(TaskOptions, total=False):
    """`timeout`: how many seconds to wait for the result."""

    timeout: float | None


@dataclass(frozen=True, kw_only=True)
class Endpoint(Generic[R]):
    """Attributes: `read` makes the result of a good answer."""

    method: str = "GET"
    path: str
    read: Callable[[httpx.Response], R]
    params: Mapping[str, str | int | list[str]] = field(default_factory=dict[str, str | int | list[str]])
    json: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def request(self) -> dict[str, Any]:
        """Arguments for an httpx client."""
        return {
            "method": self.method,
            "url": self.path,
            "params": dict(self.params),
            "json": self.json,
            "content": self.content,
            "headers": dict(self.headers),
        }


def submit(goal: str, output: type[BaseModel] | None, options: TaskOptions) -> Endpoint[Task[Any]]:
    body: dict[str, Any] = {"goal": goal}
    if output is not None:
        body["output_schema"] = output.model_json_schema()
    if "output_schema" in options:
        body["output_schema"] = dict(options["output_schema"])
    if "workspace" in options:
        body["workspace"] = os.fspath(options["workspace"])
    if "budget" in options:
        body["budget"] = options["budget"].model_dump(exclude_unset=True)
    if "tags" in options:
        body["tags"] = dict(options["tags"])
    for name in ("tools", "hosts", "approve", "allow"):
        if (names := options.get(name)) is not None:
            body[name] = sorted(names)
    if (wanted := options.get("tainted_sinks")) is not None:
        body["tainted_sinks"] = wanted
    if (memory := options.get("memory")) is not None:
        body["memory"] = _memory(memory)
    read = reads(Task[JsonValue])
    return Endpoint(
        method="POST",
        path="/v1/tasks",
        json=body,
        headers={"Idempotency-Key": options.get("idempotency_key") or uuid4().hex},
        read=lambda response: read(response).expecting(output),
    )


def _memory(wanted: bool | MemoryAccess) -> JsonValue:
    if isinstance(wanted, bool):
        return wanted
    given: dict[str, JsonValue] = {}
    if "read" in wanted:
        given["read"] = [*sorted(wanted["read"])]
    if "write" in wanted:
        given["write"] = wanted["write"]
    return given


def get(task: TaskRef) -> Endpoint[Task[Any]]:
    output = task.output_type if isinstance(task, Task) else None
    read = reads(Task[JsonValue])
    return Endpoint(path=_path(task), read=lambda response: read(response).expecting(output))


def fork(task: TaskRef, options: ForkOptions) -> Endpoint[Task[Any]]:
    output = task.output_type if isinstance(task, Task) else None
    body: dict[str, Any] = {}
    if "event" in options:
        body["event"] = options["event"]
    if "replay" in options:
        body["replay"] = options["replay"]
    if "budget" in options:
        body["budget"] = options["budget"].model_dump(exclude_unset=True)
    if "tags" in options:
        body["tags"] = dict(options["tags"])
    read = reads(Task[JsonValue])
    return Endpoint(
        method="POST",
        path=_path(task, "/fork"),
        json=body,
        headers={"Idempotency-Key": options.get("idempotency_key") or uuid4().hex},
        read=lambda response: read(response).expecting(output),
    )


def tasks_page(status: str | None, cursor: str | None) -> Endpoint[Page[Task[JsonValue]]]:
    params: dict[str, str | int] = {"limit": TASKS_PAGE}
    if status is not None:
        params["status"] = status
    if cursor is not None:
        params["cursor"] = cursor
    return Endpoint(path="/v1/tasks", params=params, read=reads(Page[Task[JsonValue]]))


def tree(task: TaskRef, revision: int | None) -> Endpoint[Tree]:
    params: dict[str, str | int] = {} if revision is None else {"revision": revision}
    return Endpoint(path=_path(task, "/tree"), params=params, read=reads(Tree))


def revisions_page(task: TaskRef, after: int) -> Endpoint[Page[Revision]]:
    params: dict[str, str | int] = {"after": after, "limit": REVISIONS_PAGE}
    return Endpoint(path=_path(task, "/tree/revisions"), params=params, read=reads(Page[Revision]))


def budget(task: TaskRef) -> Endpoint[TaskBudget]:
    return Endpoint(path=_path(task, "/budget"), read=reads(TaskBudget))


def events_page(task: TaskRef, after: int) -> Endpoint[Page[Event]]:
    params: dict[str, str | int] = {"after": after, "limit": EVENTS_PAGE}
    return Endpoint(path=_path(task, "/events"), params=params, read=reads(Page[Event]))


def cancel(task: TaskRef) -> Endpoint[Task[Any]]:
    return _told(task, "/cancel")


def pause(task: TaskRef) -> Endpoint[Task[Any]]:
    return _told(task, "/pause")


def resume(task: TaskRef) -> Endpoint[Task[Any]]:
    return _told(task, "/resume")


def _told(task: TaskRef, what: str) -> Endpoint[Task[Any]]:
    output = task.output_type if isinstance(task, Task) else None
    read = reads(Task[JsonValue])
    return Endpoint(
        method="POST", path=_path(task, what), read=lambda response: read(response).expecting(output)
    )


def approvals_page(
    status: ApprovalStatus | None, task: TaskRef | None, cursor: str | None
) -> Endpoint[Page[Approval]]:
    params: dict[str, str | int] = {"limit": APPROVALS_PAGE}
    if status is not None:
        params["status"] = status
    if task is not None:
        params["task"] = task_id(task)
    if cursor is not None:
        params["cursor"] = cursor
    return Endpoint(path="/v1/approvals", params=params, read=reads(Page[Approval]))


def approval(name: ApprovalRef) -> Endpoint[Approval]:
    return Endpoint(path=_approval_path(name), read=reads(Approval))


def approve(
    name: ApprovalRef, arguments: Mapping[str, JsonValue] | None, note: str | None
) -> Endpoint[Approval]:
    body: dict[str, Any] = {"decision": "approve"}
    if arguments is not None:
        body["arguments"] = dict(arguments)
    return _decide(name, body, note)


def deny(name: ApprovalRef, note: str | None) -> Endpoint[Approval]:
    return _decide(name, {"decision": "deny"}, note)


def _decide(name: ApprovalRef, body: dict[str, Any], note: str | None) -> Endpoint[Approval]:
    said = {} if note is None else {"note": note}
    return Endpoint(
        method="POST", path=f"{_approval_path(name)}/decide", json=body | said, read=reads(Approval)
    )


def _approval_path(name: ApprovalRef) -> str:
    return f"/v1/approvals/{identifier(name.id if isinstance(name, Approval) else name)}"


def send(
    task: TaskRef, kind: MessageKind, text: str, node: Node | UUID | str | None, key: str | None
) -> Endpoint[Message]:
    body: dict[str, Any] = {"kind": kind, "text": text}
    if node is not None:
        body["node"] = node.key if isinstance(node, Node) else str(node)
    return Endpoint(
        method="POST",
        path=_path(task, "/messages"),
        json=body,
        headers={"Idempotency-Key": key or uuid4().hex},
        read=reads(Message),
    )


def messages(task: TaskRef) -> Endpoint[tuple[Message, ...]]:
    read = reads(Page[Message])
    return Endpoint(path=_path(task, "/messages"), read=lambda response: read(response).data)


def calls(task: TaskRef, agent: UUID | str | None) -> Endpoint[tuple[Call, ...]]:
    params = {} if agent is None else {"agent": str(agent)}
    read = reads(Page[Call])
    return Endpoint(path=_path(task, "/calls"), params=params, read=lambda response: read(response).data)


def call(task: TaskRef, call: UUID | str) -> Endpoint[Call]:
    return Endpoint(path=_path(task, f"/calls/{identifier(call)}"), read=reads(Call))


def artifacts(task: TaskRef) -> Endpoint[tuple[Artifact, ...]]:
    read = reads(Page[Artifact])
    return Endpoint(path=_path(task, "/artifacts"), read=lambda response: read(response).data)


def download(artifact: Artifact | UUID | str) -> Endpoint[bytes]:
    name = artifact.id if isinstance(artifact, Artifact) else artifact
    return Endpoint(path=f"/v1/artifacts/{identifier(name)}", read=lambda response: response.content)


def model() -> Endpoint[ModelDescription]:
    return Endpoint(path="/v1/model", read=reads(ModelDescription))


def task_id(task: TaskRef) -> str:
    return identifier(task.id if isinstance(task, Task) else task)


def _path(task: TaskRef, rest: str = "") -> str:
    return f"/v1/tasks/{task_id(task)}{rest}"


def identifier(name: UUID | str) -> str:
    """Raises `ValueError` for text that is no id: it must not become part of a path."""
    return str(UUID(str(name)))


def reads(kind: type[R]) -> Callable[[httpx.Response], R]:
    adapter = TypeAdapter(kind)

    def read(response: httpx.Response) -> R:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            message = f"the server's answer is not what this version expects: {error}"
            code = "unexpected_answer"
            raise ApiError(message, status=response.status_code, code=code, problem={}) from error

    return read
