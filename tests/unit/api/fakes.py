"""The orchestrator's ports in memory: tasks whose events are published by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from pydantic import JsonValue

from agents.answer import Answer, Citation
from core.errors import AccessDenied, Conflict, InvalidInput, NotFound
from core.events import EventKind
from core.ids import TenantId
from orchestrator.services.ports import Sent, Submitted
from orchestrator.services.principal import Principal
from orchestrator.services.views import (
    AccountView,
    AgentView,
    ApprovalStatus,
    ApprovalView,
    ArtifactView,
    BudgetView,
    CallView,
    Decision,
    EventView,
    Evidence,
    ForkRequest,
    MessageView,
    ModelDescription,
    NewMessage,
    NodeView,
    Page,
    RevisionView,
    SinkEvidence,
    Submission,
    TaskStatus,
    TaskView,
    TreeView,
    UnitView,
    Usage,
)

MODEL = ModelDescription(name="offline", provider="treehold", offline=True)
BEGIN = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
NOWHERE = UUID(int=404)
"""No task's id."""

KEY, OTHER_KEY, READ_KEY = "th_owner", "th_other", "th_reader"
ANSWER = Answer(
    text="Leases end after ten seconds.",
    citations=(Citation(file="docs/laws.md", line=3, quote="ten seconds"),),
    output={"seconds": 10},
)


class FakeKeys:
    """Two tenants; the first has a key that may only read. `revoke` takes a key away."""

    def __init__(self) -> None:
        first, second = TenantId(uuid4()), TenantId(uuid4())
        both = frozenset({"tasks:read", "tasks:write", "memory:read", "memory:write"})
        reading = frozenset({"tasks:read", "memory:read"})
        self._known = {
            KEY: Principal(tenant=first, key=uuid4(), name="owner", scopes=both),
            READ_KEY: Principal(tenant=first, key=uuid4(), name="reader", scopes=reading),
            OTHER_KEY: Principal(tenant=second, key=uuid4(), name="other", scopes=both),
        }

    async def authenticate(self, secret: str) -> Principal:
        if secret not in self._known:
            raise AccessDenied("this API key is not known here, or was revoked", code="invalid_key")
        return self._known[secret]

    def revoke(self, secret: str) -> None:
        del self._known[secret]


@dataclass(kw_only=True)
class Stored:
    tenant: UUID
    view: TaskView
    events: list[EventView] = field(default_factory=list[EventView])
    calls: list[CallView] = field(default_factory=list[CallView])
    artifacts: list[tuple[ArtifactView, bytes]] = field(default_factory=list[tuple[ArtifactView, bytes]])


class FakeTasks:
    """The port, and what a test sees and sets besides it.

    Attributes:
        changed: notified when an event is published or a follower comes or goes.
        followers: how many are following now.
        cuts: numbers of events in front of which a follower fails, once each, with that error.
        failure: raised by every method while set.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.followers = 0
        self.cuts: dict[int, Exception] = {}
        self.failure: Exception | None = None
        self.submissions: list[Submission] = []
        self._stored: dict[UUID, Stored] = {}
        self._forked: dict[tuple[UUID, str], UUID] = {}
        self._keys: dict[tuple[UUID, str], tuple[Submission, UUID]] = {}

    # The port

    async def submit(
        self, principal: Principal, submission: Submission, *, idempotency_key: str | None
    ) -> Submitted:
        principal.require("tasks:write")
        self._fail()
        self.submissions.append(submission)
        if submission.workspace is not None and not submission.workspace.startswith("/"):
            raise InvalidInput("a workspace is an absolute path")
        key = (principal.tenant, idempotency_key or "")
        if idempotency_key is not None and key in self._keys:
            earlier, task = self._keys[key]
            if earlier != submission:
                raise Conflict("this key was used for another request", code="idempotency_mismatch")
            return Submitted(task=self._stored[task].view, replayed=True)
        view = new_task(submission, number=len(self._stored))
        self._stored[view.id] = Stored(tenant=principal.tenant, view=view)
        self._keys[key] = (submission, view.id)
        await self.publish(view.id, "task.submitted", goal=submission.goal)
        return Submitted(task=self._stored[view.id].view, replayed=False)

    async def fork(
        self, principal: Principal, task: UUID, wanted: ForkRequest, *, idempotency_key: str | None
    ) -> Submitted:
        principal.require("tasks:write")
        source = self._of(principal, task).view
        event = wanted.event or source.last_event
        if event > source.last_event:
            raise InvalidInput(f"task {task} has no event {event}", code="no_such_event")
        key = (principal.tenant, idempotency_key or "")
        if idempotency_key is not None and key in self._forked:
            return Submitted(task=self._stored[self._forked[key]].view, replayed=True)
        granted = {name: getattr(wanted.budget, name) for name in wanted.budget.model_fields_set}
        view = source.model_copy(
            update={
                "id": uuid4(),
                "status": "running",
                "answer": None,
                "finished_at": None,
                "last_event": 0,
                "budget": source.budget.model_copy(update=granted),
                "tags": source.tags if wanted.tags is None else wanted.tags,
                "forked_from": task,
                "forked_at": event,
            }
        )
        self._stored[view.id] = Stored(tenant=principal.tenant, view=view)
        self._forked[key] = view.id
        await self.publish(view.id, "task.submitted", goal=view.goal)
        return Submitted(task=self._stored[view.id].view, replayed=False)

    async def get(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:read")
        return self._of(principal, task).view

    async def list(
        self, principal: Principal, *, status: TaskStatus | None, limit: int, cursor: str | None
    ) -> Page[TaskView]:
        principal.require("tasks:read")
        self._fail()
        start = int(cursor or 0)
        mine = [each.view for each in self._stored.values() if each.tenant == principal.tenant]
        found = [view for view in reversed(mine) if status in {None, view.status}]
        page, more = tuple(found[start : start + limit]), len(found) > start + limit
        return Page[TaskView](data=page, next_cursor=str(start + limit) if more else None, has_more=more)

    async def tree(self, principal: Principal, task: UUID, *, revision: int | None = None) -> TreeView:
        """A plan whose one step was made by revision 1 and is at revision 3."""
        view, at = await self.get(principal, task), 3 if revision is None else revision
        if at > 3:
            raise InvalidInput(f"there is no revision {at} yet", code="no_such_revision")
        return TreeView(task=view, agents=(new_agent(),), nodes=(new_node(),) if at else (), revision=at)

    async def revisions(
        self, principal: Principal, task: UUID, *, after: int, limit: int
    ) -> list[RevisionView]:
        await self.get(principal, task)
        return [new_revision(number) for number in (1, 2, 3) if number > after][:limit]

    async def budget(self, principal: Principal, task: UUID) -> BudgetView:
        principal.require("tasks:read")
        return BudgetView(task=self._of(principal, task).view.id, accounts=(new_account(),))

    async def cancel(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:write")
        if self._of(principal, task).view.status == "running":
            await self.finish(task, status="cancelled")
        return self._of(principal, task).view

    async def events(self, principal: Principal, task: UUID, *, after: int, limit: int) -> list[EventView]:
        principal.require("tasks:read")
        return [event for event in self._of(principal, task).events if event.seq > after][:limit]

    async def follow(self, principal: Principal, task: UUID, *, after: int) -> AsyncIterator[EventView]:
        stored = self._of(principal, task)
        await self._count(1)
        try:
            while True:
                for event in [event for event in stored.events if event.seq > after]:
                    if event.seq in self.cuts:
                        raise self.cuts.pop(event.seq)
                    yield event
                    after = event.seq
                if stored.view.status != "running" and after >= stored.view.last_event:
                    return
                async with self.changed:
                    while stored.view.last_event <= after:
                        await self.changed.wait()
        finally:
            await self._count(-1)

    async def call(self, principal: Principal, task: UUID, call: UUID) -> CallView:
        principal.require("tasks:read")
        for each in self._of(principal, task).calls:
            if each.id == call:
                return each
        raise NotFound(f"task {task} has no call {call}")

    async def calls(self, principal: Principal, task: UUID, agent: UUID | None) -> list[CallView]:
        principal.require("tasks:read")
        found = [each for each in self._of(principal, task).calls if agent in {None, each.agent}]
        return [each.model_copy(update={"request": None, "outcome": None}) for each in found]

    async def artifacts(self, principal: Principal, task: UUID) -> list[ArtifactView]:
        principal.require("tasks:read")
        return [view for view, _ in self._of(principal, task).artifacts]

    async def artifact(self, principal: Principal, artifact: UUID) -> tuple[ArtifactView, bytes]:
        principal.require("tasks:read")
        for stored in self._stored.values():
            for view, content in stored.artifacts:
                if view.id == artifact and stored.tenant == principal.tenant:
                    return view, content
        raise NotFound(f"no artifact {artifact}")

    # The ports beside it

    async def pause(self, principal: Principal, task: UUID) -> TaskView:
        return await self._set_paused(principal, task, paused=True)

    async def resume(self, principal: Principal, task: UUID) -> TaskView:
        return await self._set_paused(principal, task, paused=False)

    async def _set_paused(self, principal: Principal, task: UUID, *, paused: bool) -> TaskView:
        principal.require("tasks:write")
        stored = self._of(principal, task)
        if stored.view.status != "running":
            raise Conflict(f"task {task} is already {stored.view.status}")
        stored.view = stored.view.model_copy(update={"paused": paused})
        return stored.view

    def owns(self, principal: Principal, task: UUID) -> bool:
        return self._stored[task].tenant == principal.tenant

    # What the test does

    @property
    def ids(self) -> tuple[UUID, ...]:
        return tuple(self._stored)

    async def publish(self, task: UUID, kind: EventKind, **data: JsonValue) -> EventView:
        stored = self._stored[task]
        seq = stored.view.last_event + 1
        at = BEGIN + timedelta(seconds=seq)
        event = EventView(seq=seq, at=at, kind=kind, task=task, agent=None, data=data)
        async with self.changed:
            stored.events.append(event)
            stored.view = stored.view.model_copy(update={"last_event": seq})
            self.changed.notify_all()
        return event

    async def finish(
        self, task: UUID, *, status: TaskStatus = "done", answer: Answer | None = ANSWER
    ) -> None:
        end = {"status": status, "answer": answer if status == "done" else None, "finished_at": BEGIN}
        stored = self._stored[task]
        stored.view = stored.view.model_copy(update=end | {"stop_reason": "completed"})
        await self.publish(task, "task.finished", status=status, stop_reason="completed", seconds=1.5)

    def trim(self, task: UUID, *, numbers: Container[int]) -> None:
        stored = self._stored[task]
        stored.events = [event for event in stored.events if event.seq not in numbers]

    def add_call(self, task: UUID) -> CallView:
        call = new_call()
        self._stored[task].calls.append(call)
        return call

    def add_artifact(self, task: UUID, name: str, media_type: str, content: bytes) -> ArtifactView:
        artifact = new_artifact(task, name, media_type, content)
        self._stored[task].artifacts.append((artifact, content))
        return artifact

    async def followed_by(self, count: int) -> None:
        """Waits until exactly that many follow."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.followers == count)

    async def _count(self, step: int) -> None:
        async with self.changed:
            self.followers += step
            self.changed.notify_all()

    def _of(self, principal: Principal, task: UUID) -> Stored:
        self._fail()
        stored = self._stored.get(task)
        if stored is None or stored.tenant != principal.tenant:
            raise NotFound(f"no task {task}")
        return stored

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeApprovals:
    """The port over approvals that the test adds; arguments without `to` cannot run."""

    def __init__(self, tasks: FakeTasks) -> None:
        self.added: dict[UUID, ApprovalView] = {}
        self._tasks = tasks

    def add(self, task: UUID) -> ApprovalView:
        approval = new_approval(task)
        self.added[approval.id] = approval
        return approval

    async def list(
        self,
        principal: Principal,
        *,
        status: ApprovalStatus | None,
        task: UUID | None,
        limit: int,
        cursor: str | None,
    ) -> Page[ApprovalView]:
        principal.require("tasks:read")
        start = int(cursor or 0)
        found = [
            each
            for each in reversed(self.added.values())
            if status in {None, each.status}
            and task in {None, each.task}
            and self._tasks.owns(principal, each.task)
        ]
        page, more = tuple(found[start : start + limit]), len(found) > start + limit
        return Page[ApprovalView](data=page, next_cursor=str(start + limit) if more else None, has_more=more)

    async def get(self, principal: Principal, approval: UUID) -> ApprovalView:
        principal.require("tasks:read")
        found = self.added.get(approval)
        if found is None:
            raise NotFound(f"no approval {approval}")
        await self._tasks.get(principal, found.task)
        return found

    async def decide(self, principal: Principal, approval: UUID, given: Decision) -> ApprovalView:
        principal.require("tasks:write")
        found = await self.get(principal, approval)
        if found.status != "pending":
            raise Conflict(f"approval {approval} was {found.status}; that stands", code="already_decided")
        if given.arguments is not None and "to" not in given.arguments:
            raise InvalidInput("the call could not run with these arguments: to: Field required")
        decided = {
            "status": "approved" if given.decision == "approve" else "denied",
            "edited": given.arguments,
            "note": given.note,
            "decided_by": principal.key,
            "decided_at": BEGIN,
        }
        self.added[approval] = found.model_copy(update=decided)
        return self.added[approval]


class FakeMessages:
    """The port over fake tasks."""

    def __init__(self, tasks: FakeTasks) -> None:
        self._tasks = tasks
        self._sent: dict[UUID, list[MessageView]] = {}
        self._keys: dict[str, MessageView] = {}

    async def send(
        self, principal: Principal, task: UUID, new: NewMessage, *, idempotency_key: str | None
    ) -> Sent:
        principal.require("tasks:write")
        if (await self._tasks.get(principal, task)).status != "running":
            raise Conflict("the task has ended: it takes no more messages", code="task_ended")
        if idempotency_key in self._keys:
            return Sent(message=self._keys[idempotency_key], replayed=True)
        sent = self._sent.setdefault(task, [])
        message = new_message(new, number=len(sent) + 1)
        sent.append(message)
        self._keys[idempotency_key or message.id.hex] = message
        await self._tasks.publish(task, "message.received", id=str(message.id), number=message.number)
        return Sent(message=message, replayed=False)

    async def list(self, principal: Principal, task: UUID) -> list[MessageView]:
        await self._tasks.get(principal, task)
        return self._sent.get(task, [])


def new_message(new: NewMessage, *, number: int = 1) -> MessageView:
    return MessageView(
        id=uuid4(),
        number=number,
        kind=new.kind,
        node=None,
        node_key=new.node,
        text=new.text,
        status="pending",
        agent=uuid4(),
        applied_at_event=None,
        reply=None,
        error=None,
        created_at=BEGIN,
        concluded_at=None,
    )


def new_task(submission: Submission, *, number: int = 0) -> TaskView:
    return TaskView(
        id=uuid4(),
        goal=submission.goal,
        status="running",
        stop_reason=None,
        workspace=submission.workspace,
        output_schema=submission.output_schema,
        budget=submission.budget,
        model=MODEL,
        tags=submission.tags,
        answer=None,
        error=None,
        usage=Usage(prompt_tokens=90, completion_tokens=10, model_calls=1),
        agents=1,
        created_at=BEGIN + timedelta(minutes=number),
        finished_at=None,
        cancel_requested=False,
        paused=False,
        last_event=0,
    )


def new_agent() -> AgentView:
    return AgentView(
        id=uuid4(),
        parent=None,
        depth=0,
        position=0,
        role="lead",
        title="lead",
        status="running",
        waiting_on=None,
        turns=1,
        lost_turns=0,
        usage=Usage(prompt_tokens=90, completion_tokens=10),
        granted_tokens=1000,
        reserved_tokens=0,
        seconds=1.5,
        created_at=BEGIN,
        started_at=BEGIN,
        finished_at=None,
    )


def new_account() -> AccountView:
    tokens = UnitView(unit="tokens", granted=1000, reserved=0, delegated=600, spent=100)
    return AccountView(
        agent=uuid4(), parent=None, role="lead", title="lead", status="running", units=(tokens,)
    )


def new_node() -> NodeView:
    return NodeView(
        id=uuid4(),
        parent=None,
        key="leases",
        title="Leases",
        status="open",
        agent=None,
        depends_on=(),
        revision=1,
    )


def new_revision(number: int) -> RevisionView:
    return RevisionView(
        revision=number,
        op="create" if number == 1 else "set_status",
        node=uuid4(),
        key="leases",
        title="Leases",
        status="pending" if number == 1 else "running",
        before=None if number == 1 else "pending",
        value=None,
        caused_by=None,
        restores=None,
        change="plan",
        actor="user",
        at=BEGIN,
    )


def new_call() -> CallView:
    return CallView(
        id=uuid4(),
        agent=uuid4(),
        position=0,
        kind="model",
        name="plan",
        effect="pure",
        state="done",
        request={"messages": [{"role": "user", "content": "Plan."}]},
        outcome={"content": "1. Read."},
        usage=Usage(prompt_tokens=90, completion_tokens=10),
        attempts=1,
        started_at=BEGIN,
        finished_at=BEGIN,
    )


def new_approval(task: UUID) -> ApprovalView:
    return ApprovalView(
        id=uuid4(),
        task=task,
        agent=uuid4(),
        role="worker",
        title="Leases",
        kind="tool",
        tool="send_mail",
        arguments={"to": "team@example.org"},
        evidence=Evidence(
            effect="unsafe",
            tainted=True,
            trust="untrusted",
            tainted_arguments=("to",),
            arguments=(SinkEvidence(at="/to", sink="recipient", value="eve", source="unknown"),),
        ),
        status="pending",
        fallback="deny",
        requested_at=BEGIN,
        expires_at=BEGIN + timedelta(days=1),
    )


def new_artifact(task: UUID, name: str, media_type: str, content: bytes) -> ArtifactView:
    return ArtifactView(
        id=uuid4(),
        task=task,
        agent=uuid4(),
        name=name,
        media_type=media_type,
        size=len(content),
        sha256="00" * 32,
        tainted=True,
        created_at=BEGIN,
    )
