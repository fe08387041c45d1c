"""The offline model learns by rule, from the same prompts that a language model gets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agents import distilling
from core.ids import DEFAULT_TENANT, RecordId, TaskId
from core.provenance import Provenance, Trust
from inference.gateway import ModelGateway
from inference.offline import OfflineProvider
from inference.ports import SilentObserver
from memory.insight_graph.material import (
    Condensed,
    Material,
    Moment,
    Refinement,
    RefiningEpisode,
    RefiningInsight,
)
from memory.insight_graph.model import Episode, Insight, Outcome
from memory.insight_graph.operations import Add, Agree, Refine

ADVICE = "Tasks of this kind ended well with read_table, and failed without."


def episode(number: int, outcome: Outcome, *tools: str) -> RefiningEpisode:
    record = Episode(
        id=RecordId(UUID(int=number)),
        task=TaskId(UUID(int=number)),
        scope="tenant",
        goal="Total the invoices",
        outcome=outcome,
        origin="ann",
        steps=(),
        actions=(),
        conclusion=None,
        provenance=Provenance(tenant=DEFAULT_TENANT, trust=Trust.DERIVED),
        state="active",
        procedure=tools,
    )
    return RefiningEpisode(ref=f"e{number}", new=True, episode=record)


def refinement(*episodes: RefiningEpisode, insights: tuple[RefiningInsight, ...] = ()) -> Refinement:
    return Refinement(
        task=TaskId(UUID(int=9)),
        cluster=UUID(int=8),
        scope="tenant",
        episodes=episodes,
        insights=insights,
    )


async def refined(asked: Refinement) -> list[Refine] | None:
    request = distilling.refine_request(asked)
    return distilling.refinements(await ModelGateway(OfflineProvider()).complete(request, SilentObserver()))


async def condensed(outcome: Outcome, *moments: tuple[str, str]) -> Condensed | None:
    material = Material(
        episode=RecordId(UUID(int=1)),
        task=TaskId(UUID(int=1)),
        cluster=None,
        goal="Total the invoices",
        outcome=outcome,
        moments=tuple(
            Moment(ref=f"m{number}", kind=kind, text=text) for number, (kind, text) in enumerate(moments, 1)
        ),
        trust=Trust.USER,
    )
    request: Any = distilling.condense_request(material)
    reply = await ModelGateway(OfflineProvider()).complete(request, SilentObserver())
    return distilling.condensed(reply, material)


async def test_the_first_use_of_each_tool_matters() -> None:
    moments = [("step", "Read the table (done)"), ("call", "list_files ."), ("call", "read_table a.csv")]
    assert await condensed("done", *moments, ("call", "read_table b.csv")) == Condensed(
        key_steps=("m2", "m3"), fail_reason=""
    )


async def test_a_failure_names_the_step_that_failed() -> None:
    assert await condensed("failed", ("step", "Read a (done)"), ("step", "Read b (failed)")) == Condensed(
        key_steps=("m1", "m2"), fail_reason="A step failed: Read b"
    )
    assert await condensed("done") == Condensed(key_steps=(), fail_reason="")


async def test_advice_takes_both_ends_to_compare() -> None:
    well = [episode(1, "done", "list_files", "read_table"), episode(2, "done", "read_table")]
    assert await refined(refinement(*well)) == []
    assert await refined(refinement(*well, episode(3, "failed", "list_files"))) == [
        Add(op="add", text=ADVICE, episodes=("e1", "e2"))
    ]


async def test_advice_that_is_there_is_agreed_with() -> None:
    known = Insight(
        id=RecordId(UUID(int=5)),
        kind="advice",
        scope="tenant",
        about="invoices",
        text=ADVICE,
        state="candidate",
        provenance=Provenance(tenant=DEFAULT_TENANT, trust=Trust.DERIVED),
    )
    asked = refinement(
        episode(1, "done", "read_table"),
        episode(2, "done", "read_table"),
        episode(3, "failed", "read_file"),
        insights=(RefiningInsight(ref="i1", insight=known),),
    )
    operations = await refined(asked)
    assert operations is not None
    assert operations[0] == Agree(op="agree", insight="i1", episodes=("e1", "e2"))
