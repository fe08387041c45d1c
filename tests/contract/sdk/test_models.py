"""The SDK's own models accept what the server's views produce, and lack none of their fields."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import BaseModel

import treehold
from agents.answer import Answer, Citation
from core.grant import Budget
from orchestrator.services import views
from tests.unit.api import fakes

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
PAIRS: list[tuple[BaseModel, type[BaseModel]]] = [
    (TASK, treehold.Task),
    (DONE, treehold.Task),
    (fakes.new_agent(), treehold.Agent),
    (fakes.new_node(), treehold.Node),
    (fakes.new_account(), treehold.Account),
    (fakes.new_account().units[0], treehold.Unit),
    (views.BudgetView(task=TASK.id, accounts=(fakes.new_account(),)), treehold.TaskBudget),
    (views.TreeView(task=DONE, agents=(fakes.new_agent(),), nodes=(fakes.new_node(),)), treehold.Tree),
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
