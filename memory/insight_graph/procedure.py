"""The first kind of insight: which tools, in which order, worked for goals of a kind. No model is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def found_insight(episode: Episode, supporters: Sequence[Episode]) -> Insight | None:
    """A new insight from an episode and earlier ones like it, or `None` where they do not repeat each other.

    Its id follows from the oldest supporter and the procedure, so that the same facts found it once.
    """
    procedure = procedure_of(episode.actions)
    alike = sorted(
        (other for other in supporters if procedure_of(other.actions) == procedure),
        key=lambda other: other.id,
    )
    if not procedure.tools or len(alike) + 1 < MIN_SUPPORTS:
        return None
    oldest = alike[0]
    about = clipped(oldest.goal, ABOUT_CHARACTERS)
    provenance = inherited(oldest.provenance, (episode, *alike[1:]))
    return Insight(
        id=RecordId(derived(oldest.id, "procedure", *procedure.tools)),
        kind="procedure",
        scope=episode.scope,
        about=about,
        text=describe(procedure, supports=0, contradictions=0),
        pattern=procedure,
        supports=0,
        contradictions=0,
        alpha=1,
        beta=1,
        version=0,
        state="candidate",
        provenance=provenance,
    )


def weighed(insight: Insight, *, supports: int, contradictions: int, origins: int) -> Insight:
    """The insight with its counts, and what follows from them. What is kept out by hand stays out."""
    state: RecordState = insight.state
    if state in {"candidate", "active"}:
        trusted = origins >= ACTIVE_ORIGINS and insight.provenance.trust > Trust.UNTRUSTED
        state = "active" if trusted else "candidate"
    return insight.model_copy(
        update={
            "text": describe(insight.pattern, supports=supports, contradictions=contradictions),
            "supports": supports,
            "contradictions": contradictions,
            "alpha": 1.0 + supports,
            "beta": 1.0 + contradictions,
            "version": insight.version + 1,
            "state": state,
        }
    )


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
