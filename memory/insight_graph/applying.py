"""Operations on insights, applied to rows: each fits what is there, or is refused by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from core.database import UnitOfWork, queries
from core.ids import RecordId, derived
from core.provenance import Origin, Provenance
from core.text import clipped
from memory.guard.write import screen
from memory.insight_graph import repository
from memory.insight_graph.lift import Counts, lift_of
from memory.insight_graph.material import Refinement
from memory.insight_graph.model import ADVICE_CHARACTERS, Episode, Insight
from memory.insight_graph.operations import Add, Agree, Contradict, Edit, Merge, Refine, most_additions
from memory.insight_graph.procedure import ABOUT_CHARACTERS, inherited

SQL = queries.load(__file__, "refining.sql")
_CREDIT = queries.load(__file__, "credit.sql")

MAX_OF_CLUSTER = 24
"""Advice a cluster can hold; past it only operations that make it less are carried out."""

MAX_CARRIED = 64
"""Supports that go over to an insight that takes the place of others."""


class Refined(BaseModel):
    """What became of a refinement; `refused` says why, by operation."""

    model_config = ConfigDict(frozen=True)

    added: tuple[RecordId, ...] = ()
    weighed: tuple[RecordId, ...] = ()
    superseded: tuple[RecordId, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass
class _Tally:
    added: list[RecordId] = field(default_factory=list[RecordId])
    weighed: list[RecordId] = field(default_factory=list[RecordId])
    superseded: list[RecordId] = field(default_factory=list[RecordId])
    refused: list[str] = field(default_factory=list[str])


class _RefusedError(Exception):
    """Why an operation changes nothing; caught here."""


async def apply(
    work: UnitOfWork, refinement: Refinement, operations: Sequence[Refine], *, model: str
) -> Refined:
    """Apply in order, under the tenant's hold. What cannot be applied changes nothing; the rest goes on."""
    tally = _Tally()
    applying = _Applying(work, refinement, tally, model)
    for number, operation in enumerate(operations):
        try:
            await applying.one(operation, number)
        except _RefusedError as refused:
            tally.refused.append(f"{operation.op}: {refused}")
    return Refined(
        added=tuple(tally.added),
        weighed=tuple(dict.fromkeys(tally.weighed)),
        superseded=tuple(tally.superseded),
        refused=tuple(tally.refused),
    )


class _Applying:
    def __init__(self, work: UnitOfWork, refinement: Refinement, tally: _Tally, model: str) -> None:
        self._work = work
        self._refinement = refinement
        self._tally = tally
        self._model = model
        self._additions = most_additions(len(refinement.new))

    async def one(self, operation: Refine, number: int) -> None:
        match operation:
            case Add():
                await self._add(operation, number)
            case Agree():
                await self._weigh(operation.insight, operation.episodes, polarity=1)
            case Contradict():
                await self._weigh(operation.insight, operation.episodes, polarity=-1)
            case Edit():
                await self._edit(operation, number)
            case Merge():
                await self._merge(operation, number)

    async def _add(self, operation: Add, number: int) -> None:
        evidence = self._evidence(operation.episodes)
        text = self._screened(operation.text)
        known = await repository.advice_that_says(self._work, self._refinement.cluster, text)
        if known is not None:
            await self._count(known, evidence, polarity=1)
            return
        if self._additions == 0:
            raise _RefusedError("there are too many for so few episodes")
        row = await self._work.fetch_one(SQL.count_advice, {"cluster": self._refinement.cluster})
        if row is None or row["advice"] >= MAX_OF_CLUSTER:
            raise _RefusedError("the cluster is full: merge first")
        self._additions -= 1
        insight = self._advice(number, text, about=evidence[0].goal)
        await repository.add_insight(
            self._work, insight, "add", episodes=[one.id for one in evidence], model=self._model
        )
        await repository.weigh(self._work, insight, evidence, polarity=1)
        self._tally.added.append(insight.id)

    async def _weigh(self, ref: str, episodes: Sequence[str], *, polarity: int) -> None:
        known, evidence = await self._known(ref), self._evidence(episodes)
        if polarity < 0 and any(one.trust < known.provenance.trust for one in evidence):
            raise _RefusedError("its evidence is less trusted than the insight")
        await self._count(known, evidence, polarity=polarity)

    async def _count(self, known: Insight, evidence: Sequence[Episode], *, polarity: int) -> None:
        await repository.weigh(self._work, known, evidence, polarity=polarity)
        self._tally.weighed.append(known.id)

    async def _edit(self, operation: Edit, number: int) -> None:
        known, evidence = await self._known(operation.insight), self._evidence(operation.episodes)
        text = self._screened(operation.text)
        if await repository.advice_that_says(self._work, self._refinement.cluster, text) is not None:
            raise _RefusedError("there is an insight that says so: agree with it, or merge")
        await self._replace([known], number, text, "edit", evidence)

    async def _merge(self, operation: Merge, number: int) -> None:
        old = [await self._known(ref) for ref in dict.fromkeys(operation.insights)]
        if len(old) < 2:
            raise _RefusedError("it takes two")
        await self._replace(old, number, self._screened(operation.text), "merge", ())

    async def _replace(
        self,
        old: Sequence[Insight],
        number: int,
        text: str,
        op: repository.VersionOp,
        evidence: Sequence[Episode],
    ) -> None:
        """A new candidate in place of others, with what supports and contradicts them."""
        for insight in old:
            await self._refuse_proven(insight)
        version = 1 + max(insight.version for insight in old)
        new = self._advice(number, text, about=old[0].about).model_copy(update={"version": version})
        ids = [insight.id for insight in old]
        await repository.add_insight(
            self._work,
            new,
            op,
            supersedes=ids,
            episodes=[one.id for one in evidence],
            model=self._model,
        )
        rows = await self._work.fetch_all(SQL.supersede, {"insight": new.id, "old": ids, "most": MAX_CARRIED})
        carried = await repository.episodes(self._work, [RecordId(row["episode"]) for row in rows])
        against = {row["episode"] for row in rows if row["polarity"] < 0}
        new = await repository.weigh(self._work, new, evidence, polarity=1)
        for polarity in (1, -1):
            speaking = [one for one in carried if (one.id in against) == (polarity < 0)]
            new = await repository.weigh(self._work, new, speaking, polarity=polarity, carried=True)
        self._tally.superseded += ids
        self._tally.added.append(new.id)

    async def _refuse_proven(self, insight: Insight) -> None:
        """What measurably helps is not put into other words."""
        row = await self._work.fetch_one(_CREDIT.counts, {"insight": insight.id})
        if row is not None and lift_of(Counts.model_validate(row)).low > 0:
            raise _RefusedError("it is known to help as it is")

    async def _known(self, ref: str) -> Insight:
        """The insight as it is now.

        Raises:
            _RefusedError: it is not the one that was shown.
        """
        shown = self._refinement.insight(ref)
        now = None if shown is None else await repository.insight(self._work, shown.id)
        if shown is None or now is None:
            raise _RefusedError("there is no such insight")
        if now.version != shown.version or now.state not in {"candidate", "active"}:
            raise _RefusedError("it was changed meanwhile")
        return now

    def _evidence(self, refs: Sequence[str]) -> list[Episode]:
        found = [self._refinement.episode(ref) for ref in dict.fromkeys(refs)]
        evidence = [episode for episode in found if episode is not None]
        if len(evidence) < len(found) or not evidence:
            raise _RefusedError("there is no such episode")
        return evidence

    def _screened(self, text: str) -> str:
        screened = screen({"text": text}, trust=self._refinement.trust, limits={"text": ADVICE_CHARACTERS})
        if screened.state == "quarantined":
            raise _RefusedError("it reads like instructions to a model")
        kept = " ".join(screened.texts["text"].split())
        if not kept:
            raise _RefusedError("it is empty")
        return kept

    def _advice(self, number: int, text: str, *, about: str) -> Insight:
        """As trusted as the least trusted thing the model was shown, and a candidate until origins agree."""
        refinement = self._refinement
        return Insight(
            id=RecordId(derived(refinement.cluster, "advice", str(refinement.task), number)),
            kind="advice",
            scope=refinement.scope,
            cluster=refinement.cluster,
            about=clipped(about, ABOUT_CHARACTERS),
            text=text,
            state="candidate",
            provenance=self._provenance(),
        )

    def _provenance(self) -> Provenance:
        episodes = [one.episode for one in self._refinement.episodes]
        made = inherited(episodes[0].provenance, episodes[1:])
        made = made.derive(
            (one.insight.provenance for one in self._refinement.insights),
            by=Origin(kind="model", id=self._model),
        )
        return made.model_copy(update={"trust": min(made.trust, self._refinement.trust)})
