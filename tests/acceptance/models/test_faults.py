"""Each fault of a model leads to a bounded repair or retry, and then to a clear failure of that agent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.models.cases import CASES, FEW, LEAD_CASES, VICTIM, WHOLE, WORKER_CASES, Case
from tests.acceptance.models.site import Outcome, Site

Outcomes = dict[str, asyncio.Task[Outcome]]


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name.replace(" ", "-"))


@named(CASES)
async def test_the_node_is_asked_a_bounded_number_of_times(outcomes: Outcomes, case: Case) -> None:
    outcome = await outcomes[case.name]
    most = WHOLE + case.extra + case.longer
    assert WHOLE + case.extra <= len(outcome.requests) <= most, outcome.kinds()


@named(WORKER_CASES)
async def test_a_workers_fault_stays_with_the_worker(outcomes: Outcomes, case: Case) -> None:
    outcome = await outcomes[case.name]
    task = outcome.tree.task
    cut = case.budget == FEW
    assert (task.status, task.stop_reason) == ("done", "model_calls" if cut else "completed")
    assert task.answer is not None
    error = "budget_exhausted" if cut else case.worker
    assert outcome.worker_errors() == ([error] if error else [])
    assert any("returned nothing usable" in note for note in task.answer.notes) == bool(case.worker)
    assert task.answer.partial == (cut or bool(case.worker))
    assert {citation.file for citation in task.answer.citations} >= {"alpha.md", "gamma.md"}


@named(LEAD_CASES)
async def test_a_leads_fault_ends_in_a_clear_failure_or_none(outcomes: Outcomes, case: Case) -> None:
    task = (await outcomes[case.name]).tree.task
    assert task.status == ("failed" if case.task else "done")
    assert task.stop_reason == ("error" if case.task else "completed")
    assert (task.error.code if task.error else None) == case.task
    assert (task.answer is None) == bool(case.task)


@named([case for case in CASES if case.event])
async def test_the_trace_tells_of_it(outcomes: Outcomes, case: Case) -> None:
    assert case.event is not None
    kind, code = case.event
    outcome = await outcomes[case.name]
    assert code in [event.data.get("code") for event in outcome.of_kind(kind)]


async def test_a_retry_after_is_waited_for(outcomes: Outcomes) -> None:
    outcome = await outcomes["rate limit once"]
    waits = [event.data["wait_seconds"] for event in outcome.of_kind("model.retried")]
    assert waits == [1.0]
    assert outcome.seconds >= 1.0


@pytest.mark.parametrize("name", ["path outside", "absolute path", "path of a sibling"])
async def test_a_path_outside_the_grant_gives_nothing(outcomes: Outcomes, name: str) -> None:
    outcome = await outcomes[name]
    told = [asked for asked in outcome.requests if asked.paths == [VICTIM]]
    said = str([asked.request["messages"] for asked in told])
    assert "path_not_granted" in said
    assert "root:" not in said
    assert "thirty days" not in said


async def test_the_same_call_is_run_once(outcomes: Outcomes) -> None:
    outcome = await outcomes["same call for ever"]
    victim = next(agent for agent in outcome.tree.agents if agent.title.endswith(VICTIM))
    assert (victim.status, victim.usage.tool_calls, victim.usage.model_calls) == ("done", 1, 5)


async def test_calls_beyond_the_most_at_once_are_not_run(outcomes: Outcomes) -> None:
    outcome = await outcomes["many calls at once"]
    victim = next(agent for agent in outcome.tree.agents if agent.title.endswith(VICTIM))
    assert victim.usage.tool_calls == 8


async def test_no_fault_ended_the_process(outcomes: Outcomes, site: Site, workspace: Path) -> None:
    await asyncio.gather(*outcomes.values())
    assert site.process.returncode is None
    outcome = await site.run("How are backups kept and restored? After all that.", workspace=workspace)
    assert outcome.tree.task.status == "done", outcome.tree.task.error
