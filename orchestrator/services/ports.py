"""What the faces (REST, command line) may ask of the orchestrator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from memory.catalogue import Lineage, NoteRecord, Record
from memory.forgetting import Proof, Receipt, Wanted
from memory.guard.model import RecordKind, RecordState
from memory.insight_graph.lift import Lift
from memory.search import SearchResult
from memory.transfer import Imported
from orchestrator.services.memory_views import Feedback, GivenNote, Judged
from orchestrator.services.principal import Principal
from orchestrator.services.views import (
    ApprovalStatus,
    ApprovalView,
    ArtifactView,
    BudgetView,
    CallView,
    Decision,
    EventView,
    ForkRequest,
    MessageView,
    NewMessage,
    Page,
    RevisionView,
    Submission,
    TaskStatus,
    TaskView,
    TreeView,
)


@dataclass(frozen=True, kw_only=True)
class Submitted:
    task: TaskView
    replayed: bool
    """Whether an earlier request with the same idempotency key made the task."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    message: MessageView
    replayed: bool
    """Whether an earlier request with the same idempotency key sent it."""


class Messages(Protocol):
    """Raises `NotFound` for what is not this principal's tenant's, and `AccessDenied` by scope."""

    async def send(
        self, principal: Principal, task: UUID, new: NewMessage, *, idempotency_key: str | None
    ) -> Sent:
        """Raises `Conflict` where the task has ended, `InvalidInput` for a step taken out of the plan."""
        ...

    async def list(self, principal: Principal, task: UUID) -> list[MessageView]:
        """In the order of their coming."""
        ...


class Tasks(Protocol):
    """All methods raise `NotFound` for what is not this principal's tenant's, and `AccessDenied` by scope."""

    async def submit(
        self, principal: Principal, submission: Submission, *, idempotency_key: str | None
    ) -> Submitted:
        """Make a task, or give the one that an earlier request with this key made.

        Raises:
            InvalidInput: the request is wrong.
            Conflict: the key was used for another request.
            QueueFull: too many tasks are unfinished; an earlier request's task is given even then.
        """
        ...

    async def get(self, principal: Principal, task: UUID) -> TaskView: ...

    async def list(
        self, principal: Principal, *, status: TaskStatus | None, limit: int, cursor: str | None
    ) -> Page[TaskView]: ...

    async def tree(self, principal: Principal, task: UUID, *, revision: int | None = None) -> TreeView:
        """The plan as it stands, or as it was after a revision. Raises `InvalidInput` past the last one."""
        ...

    async def revisions(
        self, principal: Principal, task: UUID, *, after: int, limit: int
    ) -> list[RevisionView]:
        """The log of the plan behind a revision, oldest first."""
        ...

    async def budget(self, principal: Principal, task: UUID) -> BudgetView: ...

    async def cancel(self, principal: Principal, task: UUID) -> TaskView: ...

    async def events(
        self, principal: Principal, task: UUID, *, after: int, limit: int
    ) -> list[EventView]: ...

    def follow(self, principal: Principal, task: UUID, *, after: int) -> AsyncIterator[EventView]:
        """Events as they are committed, from `after` on; ends behind `task.finished`."""
        ...

    async def call(self, principal: Principal, task: UUID, call: UUID) -> CallView: ...

    async def calls(self, principal: Principal, task: UUID, agent: UUID | None) -> list[CallView]:
        """The journal of a task or of one agent, requests and outcomes left out."""
        ...

    async def artifacts(self, principal: Principal, task: UUID) -> list[ArtifactView]: ...

    async def artifact(self, principal: Principal, artifact: UUID) -> tuple[ArtifactView, bytes]: ...


class Forks(Protocol):
    async def fork(
        self, principal: Principal, task: UUID, wanted: ForkRequest, *, idempotency_key: str | None
    ) -> Submitted:
        """A new task that takes what another one recorded up to an event, and goes on from there.

        Raises:
            NotFound: no such task.
            InvalidInput: the event is past the end, or a limit cannot be kept.
            Conflict: the key was used for another request.
        """
        ...


class Control(Protocol):
    """Both raise `NotFound`, and `Conflict` for a task that has ended; to do it twice changes nothing."""

    async def pause(self, principal: Principal, task: UUID) -> TaskView: ...

    async def resume(self, principal: Principal, task: UUID) -> TaskView: ...


class Approvals(Protocol):
    async def list(
        self,
        principal: Principal,
        *,
        status: ApprovalStatus | None,
        task: UUID | None,
        limit: int,
        cursor: str | None,
    ) -> Page[ApprovalView]: ...

    async def get(self, principal: Principal, approval: UUID) -> ApprovalView:
        """Raises `NotFound`."""
        ...

    async def decide(self, principal: Principal, approval: UUID, given: Decision) -> ApprovalView:
        """Decide, once; the same decision again changes nothing.

        Raises:
            NotFound: there is no such approval.
            InvalidInput: the call could not run with these arguments.
            Conflict: it was decided otherwise, or is not needed any more.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Added:
    note: NoteRecord
    replayed: bool
    """Whether it was there already, by its id."""


class Memories(Protocol):
    """Records in scopes the principal has; what lies outside them is `NotFound`. `AccessDenied` by scope."""

    async def search(
        self,
        principal: Principal,
        query: str,
        *,
        kinds: Sequence[RecordKind],
        scopes: Sequence[str],
        limit: int,
    ) -> SearchResult:
        """By meaning and by words; in all the principal's scopes, unless some are named."""
        ...

    async def records(
        self,
        principal: Principal,
        kind: RecordKind,
        *,
        scope: str | None,
        state: RecordState | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Record]: ...

    async def record(self, principal: Principal, kind: RecordKind, record: UUID) -> Record: ...

    async def lineage(self, principal: Principal, kind: RecordKind, record: UUID) -> Lineage: ...

    async def lift(self, principal: Principal, insight: UUID) -> Lift:
        """How much better tasks end that are shown an insight than those it is held out of."""
        ...

    async def judge(self, principal: Principal, task: UUID, given: Feedback) -> Judged:
        """Take down what the principal makes of a task's result; its next word replaces its last.

        Raises:
            Conflict: the task still runs.
        """
        ...

    async def add(self, principal: Principal, given: GivenNote) -> Added:
        """Raises `Conflict` where the id is another record's, or was forgotten."""
        ...

    async def forget(self, principal: Principal, wanted: Wanted, *, idempotency_key: str | None) -> Receipt:
        """Raises `Conflict` for a task that memory has yet to take in, and for a key used otherwise."""
        ...

    async def receipt(self, principal: Principal, receipt: UUID) -> Receipt: ...

    async def verify(self, principal: Principal, receipt: UUID) -> Proof: ...

    def export(self, principal: Principal, kinds: Sequence[RecordKind]) -> AsyncGenerator[bytes]:
        """Lines of JSON, as they are read."""
        ...

    async def take(self, principal: Principal, lines: Iterable[bytes], *, scope: str | None) -> Imported:
        """Import lines of an export. Raises `InvalidInput` for those of another version."""
        ...


class Keys(Protocol):
    async def authenticate(self, secret: str) -> Principal:
        """Raises `AccessDenied` for a key that is unknown or revoked."""
        ...
