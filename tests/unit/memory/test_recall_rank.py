from __future__ import annotations

from uuid import UUID

import pytest

from core.ids import DEFAULT_TENANT, RecordId, TaskId
from core.provenance import Provenance, Trust
from memory.guard import Accepted
from memory.insight_graph.model import Episode, Insight
from memory.insight_graph.reading import Reached
from memory.recall_model import Recall, RecalledRecord
from memory.recall_rank import chosen, first_score, hold_out, ranked, settled, unclear

TENANT = Provenance(tenant=DEFAULT_TENANT, trust=Trust.USER)


def episode(
    number: int, similarity: float, *, hopped: bool = False, utility: float = 0.5, trust: Trust = Trust.USER
) -> Reached:
    record = Episode(
        id=RecordId(UUID(int=number)),
        task=TaskId(UUID(int=number)),
        scope="tenant",
        goal="goal",
        outcome="done",
        origin=f"user-{number}",
        steps=(),
        actions=(),
        conclusion=None,
        provenance=TENANT.model_copy(update={"trust": trust}),
        state="active",
        utility=utility,
    )
    return Reached(record=record, similarity=similarity, hopped=hopped, strength=0)


def insight(number: int, similarity: float, *, strength: float, alpha: float = 1, beta: float = 1) -> Reached:
    record = Insight(
        id=RecordId(UUID(int=number)),
        kind="advice",
        scope="tenant",
        about="about",
        text="text",
        alpha=alpha,
        beta=beta,
        state="active",
        provenance=TENANT,
    )
    return Reached(record=record, similarity=similarity, hopped=False, strength=strength)


def recalled(number: int, score: float, kind: str = "episode", *, held_out: bool = False) -> RecalledRecord:
    return RecalledRecord.model_validate(
        {
            "id": UUID(int=number),
            "kind": kind,
            "title": "t",
            "lines": (),
            "similarity": score,
            "score": score,
            "trust": Trust.USER,
            "origin": "ann",
            "verdict": Accepted(),
            "held_out": held_out,
        }
    )


def numbers(records: tuple[RecalledRecord, ...]) -> list[int]:
    return [record.id.int for record in records]


def test_the_first_score_is_cosine_ties_and_trust() -> None:
    assert first_score(episode(1, 0.5)) == pytest.approx(0.6 * 0.5 + 0.2 + 0.2 * 2 / 4)
    assert first_score(episode(1, 0.5, hopped=True)) < first_score(episode(1, 0.5))
    assert first_score(episode(1, 0.5, trust=Trust.UNTRUSTED)) < first_score(episode(1, 0.5))


def test_an_insight_ranks_by_its_supporters_weighted_by_its_worth() -> None:
    proven, doubted = insight(1, 0.5, strength=2, alpha=9), insight(2, 0.5, strength=2, beta=9)
    opposed = insight(3, 0.5, strength=-1)
    order = sorted((proven, doubted, opposed), key=first_score, reverse=True)
    assert [one.record.id.int for one in order] == [1, 2, 3]


def test_utility_decides_between_what_is_about_as_near() -> None:
    near, useful, far = episode(1, 0.70), episode(2, 0.66, utility=0.9), episode(3, 0.3, utility=1.0)
    assert [one.record.id.int for one, _ in ranked([near, useful, far], 3)] == [2, 1, 3]


def test_what_is_held_out_makes_place_for_the_next() -> None:
    candidates = [recalled(1, 0.9, "insight", held_out=True), recalled(2, 0.8), recalled(3, 0.7)]
    used, withheld = chosen(candidates, 2)
    assert numbers(used) == [2, 3]
    assert [one.id.int for one in withheld] == [1]
    assert chosen(candidates[1:], 2)[1] == (), "only what would have been shown is withheld"


def test_few_insights_are_shown_where_there_are_episodes() -> None:
    candidates = [recalled(number, 0.9, "insight") for number in range(1, 6)]
    candidates += [recalled(number, 0.5) for number in range(6, 9)]
    assert numbers(chosen(candidates, 4)[0]) == [1, 2, 6, 7]
    assert numbers(chosen(candidates[:5], 4)[0]) == [1, 2, 3, 4]


def test_a_task_is_held_out_the_same_way_whenever_it_is_asked() -> None:
    tasks = [UUID(int=number << 64 | 7) for number in range(2_000)]
    one = RecordId(UUID(int=3))
    first = [hold_out(task, 0.1)(one) for task in tasks]
    assert first == [hold_out(task, 0.1)(one) for task in tasks]
    assert 0.07 < sum(first) / len(tasks) < 0.13
    assert not hold_out(None, 0.5)(one)


def test_a_close_call_is_settled_by_a_models_scores() -> None:
    contenders = (recalled(1, 0.61), recalled(2, 0.605))
    used, _ = chosen(contenders, 1)
    assert unclear(contenders, used)
    assert not unclear((recalled(1, 0.7), recalled(2, 0.6)), (recalled(1, 0.7),))
    open_choice = Recall(used=used, contenders=contenders)
    scores = {contenders[1].id: 0.9, contenders[0].id: 0.1}
    assert numbers(settled(open_choice, scores, limit=1).used) == [2]
    assert settled(open_choice, None, limit=1) == Recall(used=used)
