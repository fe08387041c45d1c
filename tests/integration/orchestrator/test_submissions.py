"""Submitting twice, and submitting what cannot be kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.support.scripts import team
from core.errors import Conflict, InvalidInput
from orchestrator.services.ports import Submitted
from orchestrator.services.views import Submission
from tests.integration.orchestrator.conftest import Opener


async def test_a_repeat_finds_its_task_though_the_folder_is_gone(
    open_harness: Opener, tmp_path: Path
) -> None:
    opened, _ = await open_harness(team(1))
    note = tmp_path / "note.md"
    note.write_text("The lamp is green.\n")
    asked = Submission(goal="Look", workspace=str(tmp_path))

    async def submit(submission: Submission) -> Submitted:
        return await opened.platform.tasks.submit(opened.principal, submission, idempotency_key="one")

    first = await submit(asked)
    note.unlink()
    again = await submit(asked)
    assert (again.task.id, again.replayed) == (first.task.id, True)
    with pytest.raises(Conflict) as caught:
        await submit(asked.model_copy(update={"goal": "Look elsewhere"}))
    assert caught.value.code == "idempotency_mismatch"


async def test_two_at_once_with_one_key_make_one_task(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1))
    asked = Submission(goal="Look")
    submitted = await asyncio.gather(
        *(opened.platform.tasks.submit(opened.principal, asked, idempotency_key="one") for _ in range(4))
    )
    assert len({each.task.id for each in submitted}) == 1
    assert [each.replayed for each in submitted].count(False) == 1


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"pattern": "(?=x)"}, "/properties/a/pattern is a pattern that is not supported: look-around"),
        ({"minItems": 10**9}, "lower its minItems"),
    ],
)
async def test_a_schema_that_would_cost_too_much_is_no_task(
    open_harness: Opener, schema: dict[str, object], said: str
) -> None:
    opened, _ = await open_harness(team(1))
    with pytest.raises(InvalidInput, match=said):
        await opened.submit("Look", output_schema={"type": "object", "properties": {"a": schema}})
