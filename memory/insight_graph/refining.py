"""Learning, second part: what a model makes of finished tasks. Who is asked is not known here.

One task makes one call that condenses it, and one that refines the advice of its cluster where that is due.
What either may change is bounded, and nothing changes until a reply has been read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.database import Database, UnitOfWork, jsonb, queries
from core.ids import TaskId, TenantId
from core.provenance import Trust
from core.scopes import EVERY
from memory.guard.write import screen
from memory.index.outbox import mark_changed
from memory.insight_graph import interactions
from memory.insight_graph.applying import Refined, apply
from memory.insight_graph.credit import hold
from memory.insight_graph.material import (
    Condensed,
    Material,
    Refinement,
    RefiningEpisode,
    RefiningInsight,
    material_of,
)
from memory.insight_graph.model import FAIL_REASON_CHARACTERS, Episode, Insight, Outcome
from memory.insight_graph.operations import Refine

SQL = queries.load(__file__, "refining.sql")

DUE = 2
"""New episodes of a cluster from which its advice is refined: half a call a task."""

MAX_NEW = 8
MAX_CONTRAST = 2
MAX_ADVICE = 12
"""What one refinement sees: new episodes, earlier ones that ended otherwise, and advice of the cluster."""

LEASE_SECONDS = 120.0

_EPISODES = TypeAdapter(list[Episode])
_INSIGHTS = TypeAdapter(list[Insight])


class CondensedEpisode(BaseModel):
    """What an episode's condensed trajectory is now."""

    model_config = ConfigDict(frozen=True)

    key_steps: tuple[str, ...] = ()
    fail_reason: str | None = None


class Refining:
    """Reads what a model is to be shown, and writes what it made of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def material(self, tenant: TenantId, task: TaskId) -> Material | None:
        """What is to be condensed of a learned task; `None` where that is done, or nothing may come of it."""
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            row = await work.fetch_one(SQL.material, {"task": task})
            if row is None:
                return None
            episode = Episode.model_validate(row)
            return material_of(episode, await interactions.of_episode(work, episode.id))

    async def condense(
        self, work: UnitOfWork, material: Material, condensed: Condensed | None
    ) -> CondensedEpisode:
        """Write the condensed trajectory: the chosen moments word for word, the reason if it passes the gate.

        Without a reply the episode stays as it was recorded, and is not asked about again.
        """
        chosen = set(condensed.key_steps) if condensed else set[str]()
        steps = [one.text for one in material.moments if one.ref in chosen]
        reason = _reason(material, condensed) if condensed else None
        row = {"episode": material.episode, "key_steps": jsonb(steps), "fail_reason": reason}
        await work.execute(SQL.condense, row)
        return CondensedEpisode(key_steps=tuple(steps), fail_reason=reason)

    async def claim(self, tenant: TenantId, task: TaskId, cluster: UUID) -> Refinement | None:
        """Take a cluster for one refinement; `None` where another process has it, or none is due.

        New episodes in which something untrusted had a part are refined apart from others, so that their
        taint does not spread.
        """
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            wanted = {"task": task, "cluster": cluster, "seconds": LEASE_SECONDS}
            claimed = await work.fetch_one(SQL.claim, wanted)
            if claimed is None:
                return None
            waiting = await work.fetch_all(SQL.unrefined, {"cluster": cluster, "most": 2 * MAX_NEW})
            new = _of_one_kind(_EPISODES.validate_python(waiting))
            if len(new) < DUE:
                await work.execute(SQL.release, {"task": task, "cluster": cluster})
                return None
            least = min(Trust.DERIVED, *(episode.trust for episode in new))
            earlier = await self._contrast(work, cluster, new, least)
            rows = await work.fetch_all(SQL.advice, {"cluster": cluster, "trust": least, "most": MAX_ADVICE})
            advice = _INSIGHTS.validate_python(rows)
        return Refinement(
            task=task,
            cluster=cluster,
            scope=claimed["scope"],
            episodes=tuple(
                RefiningEpisode(ref=f"e{number}", new=number <= len(new), episode=_shown(episode))
                for number, episode in enumerate([*new, *earlier], 1)
            ),
            insights=tuple(
                RefiningInsight(ref=f"i{number}", insight=insight) for number, insight in enumerate(advice, 1)
            ),
        )

    async def refine(
        self, work: UnitOfWork, refinement: Refinement, operations: Sequence[Refine], *, model: str
    ) -> Refined:
        """Apply operations, mark the episodes refined, and give the cluster back; all in one transaction.

        Operations that no longer fit what is there, such as those on an insight that was changed meanwhile,
        are refused one by one and counted.
        """
        await hold(work)
        refined = await apply(work, refinement, operations, model=model)
        await mark_changed(work, "insight", [*refined.added, *refined.superseded, *refined.weighed])
        await self._done(work, refinement)
        return refined

    async def pass_over(self, work: UnitOfWork, refinement: Refinement, *, again: bool) -> None:
        """Nothing usable came: the cluster is given back, with its episodes if another try may help."""
        if again:
            row = {"task": refinement.task, "cluster": refinement.cluster}
            await work.execute(SQL.release, row)
        else:
            await self._done(work, refinement)

    async def _done(self, work: UnitOfWork, refinement: Refinement) -> None:
        new = [one.id for one in refinement.new]
        await work.execute(SQL.refined, {"episodes": new})
        await work.execute(SQL.release, {"task": refinement.task, "cluster": refinement.cluster})

    async def _contrast(
        self, work: UnitOfWork, cluster: UUID, new: Sequence[Episode], least: Trust
    ) -> list[Episode]:
        """Earlier episodes that ended otherwise than all the new ones, if these all ended alike."""
        outcomes = {episode.outcome for episode in new}
        if len(outcomes) != 1:
            return []
        other: Outcome = "done" if outcomes == {"failed"} else "failed"
        wanted = {"cluster": cluster, "outcome": other, "trust": least, "most": MAX_CONTRAST}
        return _EPISODES.validate_python(await work.fetch_all(SQL.contrast, wanted))


def _of_one_kind(waiting: Sequence[Episode]) -> list[Episode]:
    """Those as trusted as the oldest one, or as untrusted; the others where those are too few yet."""
    kinds: dict[bool, list[Episode]] = {}
    for one in waiting:
        kinds.setdefault(one.trust == Trust.UNTRUSTED, []).append(one)
    due = next((kind for kind in kinds.values() if len(kind) >= DUE), list[Episode]())
    return due[:MAX_NEW]


def _shown(episode: Episode) -> Episode:
    """Without what a refinement does not read, for it is written down with the call."""
    return episode.model_copy(update={"actions": (), "steps": (), "conclusion": None})


def _reason(material: Material, condensed: Condensed) -> str | None:
    if material.outcome != "failed" or not condensed.fail_reason.strip():
        return None
    screened = screen(
        {"fail_reason": condensed.fail_reason},
        trust=material.trust,
        limits={"fail_reason": FAIL_REASON_CHARACTERS},
    )
    return None if screened.state == "quarantined" else screened.texts["fail_reason"]
