"""The first kind of insight: which tools, in which order, worked for goals of a kind. No model is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from core.ids import RecordId, derived
from core.provenance import Provenance, Trust
from core.text import clipped
from memory.guard.model import Action, RecordState
from memory.insight_graph.model import Episode, Insight, Procedure

MIN_SUPPORTS = 2
"""One success is an anecdote."""

ACTIVE_ORIGINS = 2
"""An insight that rests on one origin only stays a candidate, however often that origin repeats itself."""

MAX_TOOLS = 12
ABOUT_CHARACTERS = 300
MAX_ORIGINS = 32
"""Sources kept in an insight's envelope; all of them stay reachable through its supports."""


def procedure_of(actions: Iterable[Action]) -> Procedure:
    return Procedure(tools=tuple(dict.fromkeys(action.tool for action in actions))[:MAX_TOOLS])


def found_insight(cluster: UUID, episodes: Sequence[Episode]) -> Insight | None:
    """A new insight from episodes of a cluster that did the same, or `None` where they are too few.

    Its id follows from cluster and procedure, so that the same facts found it once.
    """
    if len(episodes) < MIN_SUPPORTS:
        return None
    oldest = min(episodes, key=lambda one: one.id)
    procedure = Procedure(tools=oldest.procedure)
    return Insight(
        id=RecordId(derived(cluster, "procedure", *procedure.tools)),
        kind="procedure",
        scope=oldest.scope,
        cluster=cluster,
        about=clipped(oldest.goal, ABOUT_CHARACTERS),
        text=describe(procedure, supports=0, contradictions=0),
        pattern=procedure,
        state="candidate",
        provenance=inherited(oldest.provenance, [one for one in episodes if one.id != oldest.id]),
    )


def weighed(insight: Insight, *, supports: int = 0, contradictions: int = 0) -> Insight:
    """The insight with so many more, and what follows from its counts. What is kept out by hand stays out.

    Advice was written by a model, so that only origins without untrusted parts speak for it.
    """
    supports, contradictions = insight.supports + supports, insight.contradictions + contradictions
    state: RecordState = insight.state
    if state in {"candidate", "active"}:
        origins = insight.origins if insight.kind == "procedure" else insight.trusted_origins
        trusted = len(origins) >= ACTIVE_ORIGINS and insight.provenance.trust > Trust.UNTRUSTED
        state = "active" if trusted else "candidate"
    text = insight.text
    if insight.pattern is not None:
        text = describe(insight.pattern, supports=supports, contradictions=contradictions)
    return insight.model_copy(
        update={"text": text, "supports": supports, "contradictions": contradictions, "state": state}
    )


def supported(insight: Insight, evidence: Sequence[Episode], *, carried: bool = False) -> Insight:
    """The insight with the origins of its supports. A procedure is made of them, advice is not.

    What is carried over from an insight whose place it took spoke for other words, and vouches for none.
    """
    trusted = [
        episode.origin for episode in evidence if episode.provenance.trust > Trust.UNTRUSTED and not carried
    ]
    origins = (*insight.origins, *(episode.origin for episode in evidence))
    update: dict[str, object] = {
        "origins": tuple(dict.fromkeys(origins))[:MAX_ORIGINS],
        "trusted_origins": tuple(dict.fromkeys((*insight.trusted_origins, *trusted)))[:MAX_ORIGINS],
    }
    if insight.kind == "procedure":
        update["provenance"] = inherited(insight.provenance, evidence)
    return insight.model_copy(update=update)


def describe(procedure: Procedure, *, supports: int, contradictions: int) -> str:
    """One sentence of names the platform knows and counts; no text of any source."""
    tools = " → ".join(procedure.tools)
    return f"Using {tools} worked in {supports} of {supports + contradictions} similar tasks."


def inherited(provenance: Provenance, episodes: Iterable[Episode]) -> Provenance:
    """The envelope of what rests on all of these: the lowest trust, the sources of all up to a bound."""
    derived_from = provenance.derive(episode.provenance for episode in episodes)
    return derived_from.model_copy(
        update={"origins": derived_from.origins[:MAX_ORIGINS], "task": None, "agent": None}
    )
