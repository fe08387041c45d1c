"""What people say to a running task in their own words: understood by one call, done whole or asked back."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import AsyncConnection

from bench.support.scripts import says
from core.blocks import read_blocks
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.steered import Stage, model_calls, planned, question, unsettled


@pytest.fixture
def broker_url() -> str:
    """One is enough: what a message does does not hang on it."""
    return "memory://"


def understood(*operations: dict[str, Any], candidates: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "operations": list(operations),
        "needs_clarification": bool(candidates),
        "candidates": list(candidates),
    }


def scripted(*replies: object, steps: tuple[str, ...] = ("alpha", "beta"), **more: Any) -> Any:
    """`planned`, and what the model makes of what is said, in order."""
    waiting = list(replies)

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "changes":
            return says(waiting.pop(0))
        return planned(*steps, **more)(request)

    return script


async def test_a_sentence_takes_one_step_out_and_adds_another(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    said = "Forget about beta, and look into gamma too."
    reading = understood(
        {"op": "retire", "node": "s2"},
        {"op": "create", "id": "new1", "title": "Gamma", "text": "look into gamma", "depends_on": ["s1"]},
        {"op": "query", "nodes": ["s1"]},
    )
    opened, provider = await open_harness(scripted(reading))
    stage = await Stage.submit(opened)
    claimed = await stage.claim("beta")
    await stage.say("say", said)
    await stage.turn("lead")
    await opened.room.engine.run(claimed)
    await stage.finish()
    (message,) = await stage.messages()
    assert message.reply == 'Took out "beta".\nAdded "Gamma".\n"alpha": running.'
    assert await stage.nodes() == {"alpha": "done", "Gamma": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 3, "alpha": 1, "beta": 0, "Gamma": 1}
    (asked,) = [request for request in provider.requests if request.kind == "changes"]
    shown = read_blocks(asked.messages[-1].content)
    assert [line["id"] for line in shown["nodes"]] == ["s1", "s2"]  # type: ignore[index, union-attr]
    worked = [
        each for each in provider.requests if each.kind == "act" and question(each) == "look into gamma"
    ]
    assert '<data name="question" trust="user">' in worked[0].messages[1].content
    assert await unsettled(admin, stage.task) == 0


async def test_what_is_not_clear_is_asked_back_and_changes_nothing(open_harness: Opener) -> None:
    opened, _ = await open_harness(scripted(understood(candidates=("s1", "s2"))))
    stage = await Stage.submit(opened)
    await stage.say("say", "drop that one")
    await stage.finish()
    (message,) = await stage.messages()
    assert message.status == "applied"
    assert '"alpha" (s1), "beta" (s2)' in str(message.reply)
    assert await stage.nodes() == {"alpha": "done", "beta": "done"}
    assert [event.data["number"] for event in await stage.events("message.answered")] == [1]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("no JSON at all", "model_output_invalid"),
        (understood({"op": "retire", "node": "s9"}), "model_output_invalid"),
        (understood({"op": "link", "node": "s1", "depends_on": "s2"}), "would_cycle"),
        (understood({"op": "rollback", "node": "s1", "to": "original"}), "no_such_revision"),
    ],
)
async def test_what_cannot_be_done_changes_nothing_and_says_why(
    open_harness: Opener, reply: object, code: str
) -> None:
    opened, _ = await open_harness(scripted(reply, reply, after=True))
    stage = await Stage.submit(opened)
    await stage.say("say", "something")
    tree = await stage.finish()
    (message,) = await stage.messages()
    assert (message.status, message.error and message.error.code) == ("refused", code)
    assert await stage.nodes() == {"alpha": "done", "beta": "done"}
    assert tree.task.status == "done"


async def test_undone_a_steps_earlier_work_stands_again_and_is_not_repeated(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    changed = understood({"op": "substitute", "node": "s1", "title": "Omega", "text": "look into omega"})
    undone = understood({"op": "rollback", "node": "s1", "to": "previous"})
    opened, _ = await open_harness(scripted(changed, undone))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    await stage.say("say", "look into omega instead of alpha")
    await stage.turn("lead")
    claimed = await stage.claim("Omega")
    await stage.say("say", "undo that")
    await stage.turn("lead")
    await opened.room.engine.run(claimed)
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert await stage.nodes() == {"alpha": "done", "beta": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 4, "alpha": 1, "Omega": 0, "beta": 1}
    assert [message.status for message in await stage.messages()] == ["applied", "applied"]
    assert await unsettled(admin, stage.task) == 0


async def test_the_offline_model_understands_plain_english(open_harness: Opener) -> None:
    from inference.offline import OfflineProvider
    from inference.ports import Progress

    offline = OfflineProvider()

    async def nothing(_: float) -> None: ...

    progress: Progress = nothing
    opened, provider = await open_harness(planned("alpha", "beta"))
    complete = provider.complete

    async def either(request: ModelRequest, **more: Any) -> ModelReply:
        if request.kind == "changes":
            return await offline.complete(request, on_progress=progress)
        return await complete(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", either)
        stage = await Stage.submit(opened)
        await stage.say("say", "Please drop beta and add a look at the appendix")
        await stage.finish()
    assert await stage.nodes() == {"alpha": "done", "Look at the appendix": "done"}
