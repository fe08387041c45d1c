"""What the server says of memory, as models. Fields this version does not know are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from treehold.models import Model

MemoryKind = Literal["episode", "insight", "note"]


class Origin(Model):
    """A source: `Origin(kind="user", id=...)`."""

    kind: str
    id: str


class Provenance(Model):
    """Where a record came from. `trust` is a number, named by the record's own `trust`."""

    tenant: UUID
    trust: int
    origins: tuple[Origin, ...] = ()
    task: UUID | None = None
    agent: UUID | None = None


class Step(Model):
    title: str
    status: str


class Action(Model):
    """A tool call as the platform recorded it."""

    tool: str
    target: str = ""
    effect: str


class Episode(Model):
    """A finished task as memory keeps it. `utility` is how well tasks end that are shown it, 0 to 1."""

    kind: Literal["episode"] = "episode"
    id: UUID
    scope: str
    state: str
    trust: str
    provenance: Provenance
    created_at: datetime
    task: UUID
    origin: str
    reasons: tuple[str, ...] = ()
    goal: str
    outcome: str
    conclusion: str | None = None
    steps: tuple[Step, ...] = ()
    actions: tuple[Action, ...] = ()
    key_steps: tuple[str, ...] = ()
    fail_reason: str | None = None
    reward: float | None = None
    utility: float = 0.5


class Insight(Model):
    """A generalisation over episodes. `form` is procedure or advice; `worth` lies between 0 and 1."""

    kind: Literal["insight"] = "insight"
    id: UUID
    scope: str
    state: str
    trust: str
    provenance: Provenance
    created_at: datetime
    form: str
    about: str
    text: str
    origins: tuple[str, ...] = ()
    supports: int
    contradictions: int
    worth: float
    utility: float = 0.5
    version: int
    retired_for: str | None = None
    superseded_by: UUID | None = None
    updated_at: datetime


class Note(Model):
    """A text that somebody gave to memory; `thread` and `position` say where it stood among others."""

    kind: Literal["note"] = "note"
    id: UUID
    scope: str
    state: str
    trust: str
    provenance: Provenance
    created_at: datetime
    origin: str
    reasons: tuple[str, ...] = ()
    text: str
    source: str = ""
    thread: str | None = None
    position: int | None = None
    at: datetime | None = None
    expires_at: datetime | None = None


Record = Annotated[Episode | Insight | Note, Field(discriminator="kind")]


class Found(Model):
    """A record that was found, or held back: then `held_back` says why, and its text is left out.

    `score` is comparable within its kind and the search; `similarity` lies between -1 and 1.
    """

    kind: str
    id: UUID
    scope: str
    state: str
    trust: str
    origin: str
    title: str
    text: str
    score: float
    similarity: float
    unverified: bool
    held_back: str | None = None
    thread: str | None = None
    position: int | None = None
    at: datetime | None = None
    created_at: datetime


class SearchResult(Model):
    """Best first; kinds take turns."""

    found: tuple[Found, ...] = ()
    held_back: tuple[Found, ...] = ()


class Link(Model):
    """Another record, and what became between the two: supports, contradicts, helped and so on."""

    kind: str
    id: UUID
    relation: str


class Version(Model):
    version: int
    op: str
    model: str | None = None
    at: datetime


class Showing(Model):
    """A task whose agent was shown the record, or had it withheld or held back."""

    task: UUID
    agent: UUID
    decision: str
    version: int | None = None
    at: datetime


class Lineage(Model):
    """What a record rests on, what rests on it (`bears`), and which tasks were shown it."""

    kind: str
    id: UUID
    task: UUID | None = None
    origins: tuple[Origin, ...] = ()
    rests_on: tuple[Link, ...] = ()
    bears: tuple[Link, ...] = ()
    versions: tuple[Version, ...] = ()
    shown_to: tuple[Showing, ...] = ()


class Lift(Model):
    """How much better tasks end that were shown an insight than those it was held out of.

    `low` and `high` are its 95 % interval; there is no lift while one of both has no task.
    """

    shown: int = 0
    shown_well: int = 0
    withheld: int = 0
    withheld_well: int = 0
    lift: float | None = None
    low: float
    high: float


class Judged(Model):
    """What a task was taken for, and the insights that were retired by it."""

    task: UUID
    score: float
    retired: tuple[UUID, ...] = ()


class Counts(Model):
    episodes: int = 0
    insights: int = 0
    notes: int = 0
    utterances: int = 0
    recomputed: int = 0


class Forgotten(Model):
    """A record a receipt is about; `because` is asked or derived, `fate` deleted or recomputed."""

    kind: str
    id: UUID
    because: str
    fate: str
    digest: str


class Receipt(Model):
    """What was forgotten, without its text. `shown_to` are tasks whose traces still tell of it."""

    id: UUID
    at: datetime
    by: UUID | None = None
    wanted: dict[str, str]
    counts: Counts
    records: tuple[Forgotten, ...] = ()
    shown_to: tuple[UUID, ...] = ()


class Remains(Model):
    kind: str
    id: UUID
    where: str


class Proof(Model):
    """What a look through tables and index found of a receipt's records; nothing is as it should be."""

    receipt: UUID
    checked: int
    remains: tuple[Remains, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.remains


class BadLine(Model):
    line: int
    message: str


class Imported(Model):
    """What became of the lines: taken in by kind, known before, and `held` out of prompts by the gate."""

    imported: dict[str, int] = Field(default_factory=dict)
    known: int = 0
    held: int = 0
    errors: tuple[BadLine, ...] = ()
