"""The SDK's own models accept what the server's views produce, and lack none of their fields."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import BaseModel

import treehold
from agents.answer import Answer, Citation
from core.grant import Budget
from core.ids import TenantId
from memory import forgetting
from memory.insight_graph.lift import Counts, lift_of
from memory.transfer import BadLine, Imported
from orchestrator.services import memory_views, views
from tests.unit.api import fake_memories, fakes

TASK = fakes.new_task(views.Submission(goal="Why?", output_schema={"type": "object"}, tags={"a": "b"}))
DONE = TASK.model_copy(
    update={
        "status": "done",
        "answer": fakes.ANSWER,
        "error": views.Problem(code="agent_failed", message="one of them"),
        "finished_at": fakes.BEGIN,
    }
)
EVENT = views.EventView(
    seq=1, at=fakes.BEGIN, kind="task.submitted", task=TASK.id, agent=uuid4(), data={"a": [1, None]}
)
MESSAGE = fakes.new_message(views.NewMessage(kind="ask", text="How far?")).model_copy(
    update={
        "status": "applied",
        "applied_at_event": 7,
        "reply": "Half of it.",
        "concluded_at": fakes.BEGIN,
        "node": uuid4(),
        "error": views.Problem(code="a", message="b"),
    }
)
TENANT = TenantId(uuid4())
EPISODE = fake_memories.new_episode(TENANT)
LINEAGE = fake_memories.new_lineage(EPISODE)
RECEIPT = fake_memories.new_receipt(EPISODE, by=uuid4())
REMAINS = fake_memories.new_remains()
BAD = BadLine(line=3, message="text: Field required")
PAIRS: list[tuple[BaseModel, type[BaseModel]]] = [
    (TASK, treehold.Task),
    (DONE, treehold.Task),
    (fakes.new_agent(), treehold.Agent),
    (fakes.new_node(), treehold.Node),
    (fakes.new_account(), treehold.Account),
    (fakes.new_account().units[0], treehold.Unit),
    (views.BudgetView(task=TASK.id, accounts=(fakes.new_account(),)), treehold.TaskBudget),
    (views.TreeView(task=DONE, agents=(fakes.new_agent(),), nodes=(fakes.new_node(),)), treehold.Tree),
    (fakes.new_revision(2), treehold.Revision),
    (EVENT, treehold.Event),
    (fakes.new_call(), treehold.Call),
    (fakes.new_approval(TASK.id), treehold.Approval),
    (fakes.new_approval(TASK.id).evidence, treehold.Evidence),
    (fakes.new_approval(TASK.id).evidence.arguments[0], treehold.SinkEvidence),
    (MESSAGE, treehold.Message),
    (fakes.new_artifact(TASK.id, "a.txt", "text/plain", b"x"), treehold.Artifact),
    (fakes.MODEL, treehold.ModelDescription),
    (views.Usage(prompt_tokens=1, cost=2), treehold.Usage),
    (views.Problem(code="a", message="b"), treehold.Failure),
    (fakes.ANSWER, treehold.Answer),
    (Citation(file="a", line=1, quote="b"), treehold.Citation),
    (Answer(text="a", partial=True, notes=("b",)), treehold.Answer),
    (Budget(tokens=0, seconds=1.5), treehold.Budget),
    (EPISODE, treehold.Episode),
    (EPISODE.steps[0], treehold.Step),
    (EPISODE.actions[0], treehold.Action),
    (EPISODE.provenance, treehold.Provenance),
    (EPISODE.provenance.origins[0], treehold.Origin),
    (fake_memories.new_insight(TENANT), treehold.Insight),
    (fake_memories.new_note(TENANT, uuid4(), "x"), treehold.Note),
    (fake_memories.new_found(EPISODE), treehold.Found),
    (LINEAGE, treehold.Lineage),
    (LINEAGE.bears[0], treehold.Link),
    (LINEAGE.versions[0], treehold.Version),
    (LINEAGE.shown_to[0], treehold.Showing),
    (RECEIPT, treehold.Receipt),
    (RECEIPT.counts, treehold.Counts),
    (RECEIPT.records[0], treehold.Forgotten),
    (REMAINS, treehold.Remains),
    (forgetting.Proof(receipt=uuid4(), checked=1, remains=(REMAINS,)), treehold.Proof),
    (BAD, treehold.BadLine),
    (Imported(imported={"note": 1}, known=2, held=3, errors=(BAD,)), treehold.Imported),
    (lift_of(Counts(shown=3, shown_well=2, withheld=1)), treehold.Lift),
    (memory_views.Judged(task=uuid4(), score=0.5, retired=(uuid4(),)), treehold.Judged),
]


def name(value: object) -> str:
    return getattr(value, "__name__", type(value).__name__)


@pytest.mark.parametrize(("view", "model"), PAIRS, ids=name)
def test_what_the_server_says_is_read_whole(view: BaseModel, model: type[BaseModel]) -> None:
    wire = view.model_dump_json()
    assert model.model_validate_json(wire).model_dump(mode="json") == view.model_dump(mode="json")


@pytest.mark.parametrize(("view", "model"), PAIRS, ids=name)
def test_every_field_of_the_view_is_in_the_model(view: BaseModel, model: type[BaseModel]) -> None:
    assert set(model.model_fields) == set(type(view).model_fields)


def test_every_view_has_a_model() -> None:
    shown = {type(view) for view, _ in PAIRS}
    declared = {
        each
        for each in vars(views).values()
        if isinstance(each, type) and issubclass(each, views.View) and each.__module__ == views.__name__
    }
    assert declared - shown == {views.View, views.Page}


def test_what_may_be_asked_for_can_be_asked_for() -> None:
    asked = set(treehold.TaskOptions.__annotations__) - {"idempotency_key"}
    assert asked | {"goal"} == set(views.Submission.model_fields)


def test_budgets_have_the_same_defaults() -> None:
    assert treehold.Budget().model_dump() == Budget().model_dump()
