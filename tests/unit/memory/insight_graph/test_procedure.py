from __future__ import annotations

from uuid import UUID

import pytest
from pydantic import ValidationError

from core.ids import DEFAULT_TENANT, RecordId, TaskId, TenantId
from core.provenance import Origin, Provenance, Trust
from memory.guard import Action
from memory.insight_graph import Episode, FinishedTask
from memory.insight_graph.model import Insight
from memory.insight_graph.procedure import found_insight, procedure_of, supported, weighed


def episode(number: int, *tools: str, trust: Trust = Trust.USER) -> Episode:
    return Episode(
        id=RecordId(UUID(int=number)),
        task=TaskId(UUID(int=number)),
        scope="tenant",
        goal=f"Summarise report {number}",
        outcome="done",
        origin=f"user-{number}",
        steps=(),
        actions=tuple(Action(tool=tool, target="a.md", effect="pure") for tool in tools),
        conclusion=None,
        provenance=Provenance(
            tenant=DEFAULT_TENANT, trust=trust, origins=(Origin(kind="file", id=f"{number}.md"),)
        ),
        state="active",
        procedure=tools,
    )


CLUSTER = UUID(int=77)


def test_a_procedure_is_the_tools_in_the_order_of_first_use() -> None:
    assert procedure_of(episode(1, "list", "read", "list", "search").actions).tools == (
        "list",
        "read",
        "search",
    )


def test_one_success_founds_nothing() -> None:
    assert found_insight(CLUSTER, [episode(1, "read")]) is None


def test_an_insight_is_as_trusted_as_its_least_trusted_source() -> None:
    insight = found_insight(CLUSTER, [episode(1, "read"), episode(2, "read", trust=Trust.DERIVED)])
    assert insight is not None
    assert insight.provenance.trust == Trust.DERIVED
    assert {origin.id for origin in insight.provenance.origins} == {"1.md", "2.md"}


def test_the_same_facts_found_the_same_insight() -> None:
    one = found_insight(CLUSTER, [episode(1, "read"), episode(2, "read"), episode(3, "read")])
    other = found_insight(CLUSTER, [episode(4, "read"), episode(2, "read")])
    assert one is not None
    assert other is not None
    assert one.id == other.id


@pytest.mark.parametrize(
    ("trust", "origins", "state"),
    [(Trust.USER, 2, "active"), (Trust.USER, 1, "candidate"), (Trust.UNTRUSTED, 5, "candidate")],
)
def test_several_trusted_origins_make_an_insight_active(trust: Trust, origins: int, state: str) -> None:
    evidence = [episode(number, "read", trust=trust) for number in range(1, origins + 1)]
    insight = found_insight(CLUSTER, [*evidence, episode(9, "read")])
    assert insight is not None
    assert weighed(supported(insight, evidence), supports=9).state == state


def test_advice_needs_trusted_origins_whoever_else_agrees() -> None:
    """Law 7: what untrusted text had a part in never makes advice active."""
    advice = Insight(
        id=RecordId(UUID(int=1)),
        kind="advice",
        scope="tenant",
        about="reports",
        text="Read the summary first.",
        state="candidate",
        provenance=Provenance(tenant=DEFAULT_TENANT, trust=Trust.DERIVED),
    )
    doubtful = [episode(number, "read", trust=Trust.UNTRUSTED) for number in range(1, 9)]
    agreed = weighed(supported(advice, doubtful), supports=8)
    assert (agreed.supports, agreed.state) == (8, "candidate")
    trusted = weighed(supported(agreed, [episode(21, "read"), episode(22, "read")]), supports=2)
    assert (trusted.state, trusted.provenance.trust) == ("active", Trust.DERIVED)
    poisoned = advice.model_copy(
        update={"provenance": Provenance(tenant=DEFAULT_TENANT, trust=Trust.UNTRUSTED)}
    )
    assert weighed(supported(poisoned, [episode(21, "read"), episode(22, "read")])).state == "candidate"


def test_what_is_quarantined_stays_so() -> None:
    insight = found_insight(CLUSTER, [episode(1, "read"), episode(2, "read")])
    assert insight is not None
    held = insight.model_copy(update={"state": "quarantined"})
    after = weighed(supported(held, [episode(1, "read"), episode(2, "read")]), supports=5, contradictions=1)
    assert (after.state, after.supports, after.contradictions) == ("quarantined", 5, 1)


def test_a_finished_task_belongs_to_one_tenant() -> None:
    with pytest.raises(ValidationError):
        FinishedTask(
            tenant=TenantId(UUID(int=5)),
            task=TaskId(UUID(int=1)),
            goal="x",
            outcome="done",
            origin="ann",
            provenance=Provenance(tenant=DEFAULT_TENANT, trust=Trust.USER),
        )
