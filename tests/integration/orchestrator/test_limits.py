"""Limits inside a tree: what is kept back, what is returned at them, and circles that end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, answer_of, calls, plan_of, says
from core.blocks import read_blocks
from core.ids import AgentId
from inference.estimate import prompt_tokens
from inference.model import ModelReply, ModelRequest, Usage
from orchestrator.services.views import AgentView, EventView, TaskView
from orchestrator.topics import ADVANCE
from tests.integration.orchestrator.conftest import Opener

WATCH = b"""
CREATE TABLE held (amount bigint);
CREATE FUNCTION watch_root() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.unit = 'tokens' THEN
        INSERT INTO treehold.held VALUES (NEW.reserved + NEW.delegated + NEW.spent);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON budget FOR EACH ROW EXECUTE FUNCTION watch_root();
"""


@pytest.fixture
def broker_url() -> str:
    """No broker has a part in this."""
    return "memory://"


class Greedy:
    """A model that always wants more, and whose node bills what it is sent and all it may say."""

    def __init__(self, *, divisor: int = 2, most: int = 10_000) -> None:
        self.billed = 0
        self._divisor = divisor
        self._most = most

    def __call__(self, request: ModelRequest) -> ModelReply:
        reply = self._wish(request)
        usage = Usage(
            prompt_tokens=prompt_tokens(request) // self._divisor,
            completion_tokens=min(request.max_tokens, self._most),
        )
        self.billed += usage.total
        return reply.model_copy(update={"usage": usage})

    def _wish(self, request: ModelRequest) -> ModelReply:
        match request.kind:
            case "plan":
                steps: Any = (request.output_schema or {})["properties"]
                most, step = steps["subtasks"]["maxItems"], steps["subtasks"]["items"]
                split = 0 if "const" in step["properties"]["split"] else 2
                return plan_of(*["more", "and more"][:most], split=split, of=f" {self.billed}")
            case "act":
                return calls("calculate", expression=f"{self.billed} + 1")
            case "return":
                return says(NOTHING_FOUND)
            case "select":
                return says({"status": "not_found", "cites": []})
            case _:
                return answer_of("all that there was")


async def ended(opened: Harness, task: TaskView) -> tuple[Sequence[AgentView], Sequence[EventView]]:
    tree = await opened.platform.tasks.tree(opened.principal, task.id)
    return tree.agents, await opened.platform.tasks.events(opened.principal, task.id, after=0, limit=1000)


@pytest.mark.parametrize(("tokens", "depth"), [(3_000, 0), (30_000, 1), (90_000, 2)])
async def test_delegation_cannot_outspend_its_grant(
    open_harness: Opener, admin: AsyncConnection, tokens: int, depth: int
) -> None:
    """Children that delegate to children, each wanting more; without a shared grant 3,000 became 40,510."""
    model = Greedy()
    opened, _ = await open_harness(model)
    await admin.execute(WATCH)
    budget = {"tokens": tokens, "fanout": 2}
    task = await opened.run("as much as there is", tools=["calculate"], memory=False, budget=budget)
    cursor = await admin.execute("SELECT max(amount) FROM held")
    (most,) = await cursor.fetchone() or (0,)
    assert most <= tokens, "at no moment"
    assert model.billed <= task.usage.tokens <= tokens
    assert (task.stop_reason, task.status == "done") == ("tokens", tokens > 3_000)
    agents, _ = await ended(opened, task)
    assert max(agent.depth for agent in agents) >= depth


async def test_the_3000_are_spent_where_calls_are_known_to_be_small(open_harness: Opener) -> None:
    """The same, once a node has shown how little it counts: calls are made, and the grant still holds."""
    model = Greedy(divisor=8, most=40)
    opened, _ = await open_harness(model)
    await opened.run("learn", tools=["calculate"], memory=False, budget={"depth": 1})
    before = model.billed
    task = await opened.run("all", tools=["calculate"], memory=False, budget={"tokens": 3_000})
    assert 0 < model.billed - before <= task.usage.tokens <= 3_000
    assert task.stop_reason == "tokens"


class Reader:
    """A worker that would read for ever."""

    def __init__(self) -> None:
        self.returns = 0

    def __call__(self, request: ModelRequest) -> ModelReply:
        usage = Usage(prompt_tokens=prompt_tokens(request) // 2, completion_tokens=100)
        return self._wish(request).model_copy(update={"usage": usage})

    def _wish(self, request: ModelRequest) -> ModelReply:
        match request.kind:
            case "plan":
                return plan_of("read")
            case "act":
                return calls("calculate", expression=f"{len(request.messages)} + 1")
            case "return":
                self.returns += 1
                return says({**NOTHING_FOUND, "status": "found"})
            case _:
                return answer_of("so far")


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        ({"tokens": 24_000}, "tokens"),
        ({"tool_calls": 3}, "tool_calls"),
        ({"model_calls": 4}, "model_calls"),
    ],
)
async def test_a_worker_that_is_cut_short_returns_what_it_has(
    open_harness: Opener, budget: dict[str, int], limit: str
) -> None:
    model = Reader()
    opened, _ = await open_harness(model)
    task = await opened.run("read on", tools=["calculate"], memory=False, budget=budget)
    agents, events = await ended(opened, task)
    assert model.returns == 1
    assert [agent.status for agent in agents] == ["done", "done"]
    assert (agents[1].returned or {})["status"] == "partial"  # type: ignore[index,call-overload]
    finished = [event.data for event in events if event.kind == "agent.finished"]
    assert [(data["partial"], data.get("limit")) for data in finished] == [(True, limit), (False, None)]
    assert task.answer is not None
    assert (task.answer.partial, task.answer.limit, task.stop_reason) == (True, limit, limit)
    assert f"a limit ({limit}) cut short 1 of 1 workers" in str(task.answer.notes)


async def test_a_repeated_turn_is_cut_at_the_same_call(open_harness: Opener, admin: AsyncConnection) -> None:
    """The worker dies after its return was asked for: who comes next finds the refusal, and asks no more."""
    opened, _ = await open_harness(Reader())
    task = await opened.submit("read on", tools=["calculate"], memory=False, budget={"tokens": 24_000})
    await opened.step()
    ((_, tenant, agent),) = [found for found in await opened.collect() if found[0] == ADVANCE]
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)
    await admin.execute("UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    await admin.execute("UPDATE budget SET granted = NULL WHERE unit = 'tokens'")
    second, provider = await open_harness(Reader(), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    assert [request.kind for request in provider.requests] == ["answer"]
    assert (await second.view(task)).stop_reason == "tokens"


async def test_a_worker_in_circles_is_stopped_and_the_answer_says_so(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        return calls("calculate", expression="1 + 1") if request.kind == "act" else Reader()(request)

    opened, provider = await open_harness(script)
    task = await opened.run("round and round", tools=["calculate"], memory=False)
    assert [request.kind for request in provider.requests].count("act") == 4
    assert task.answer is not None
    assert (task.answer.limit, task.stop_reason) == ("loop", "loop")


async def test_ping_pong_between_leads_is_refused(open_harness: Opener) -> None:
    """Each hands on what the other asked of it: the second time round, the spawn is refused."""

    def script(request: ModelRequest) -> ModelReply:
        if request.kind != "plan":
            return answer_of("never")
        asked = read_blocks(request.messages[1].content)["question"]
        question = "Ask  the LEFT one" if asked == "ask the right one" else "ask the right one"
        question = "ask the left one" if asked == "go" else question
        step: dict[str, Any] = {
            "title": "pass it on",
            "question": question,
            "inputs": [],
            "split": True,
            "after": [],
        }
        return says({"subtasks": [step]})

    opened, _ = await open_harness(script)
    task = await opened.run("go", tools=["calculate"], memory=False, budget={"depth": 8})
    agents, events = await ended(opened, task)
    assert len(agents) == 3, "the root and two leads; the third would be the first again"
    refused = [event.data for event in events if event.kind == "agent.failed"]
    assert refused[0]["limit"] == "loop"
    assert "'pass it on' is what an agent above was told to do" in str(refused[0]["message"])
    assert task.stop_reason == "loop"


async def test_the_tree_of_grants_can_be_read(open_harness: Opener) -> None:
    opened, _ = await open_harness(Reader())
    task = await opened.submit("read on", tools=["calculate"], memory=False, budget={"tokens": 24_000})
    await opened.step()
    shown = await opened.platform.tasks.budget(opened.principal, task)
    root, child = [{unit.unit: unit for unit in account.units} for account in shown.accounts]
    assert shown.accounts[1].parent == shown.accounts[0].agent
    assert root["tokens"].delegated == child["tokens"].granted
    assert child["cost"].granted is None
    await opened.drive()
    (first, second) = (await opened.platform.tasks.budget(opened.principal, task)).accounts
    tokens = [unit for account in (first, second) for unit in account.units if unit.unit == "tokens"]
    assert [unit.reserved + unit.delegated for unit in tokens] == [0, 0]
    assert tokens[0].spent == (await opened.view(task)).usage.tokens
    assert json.loads(shown.model_dump_json())["accounts"][0]["units"][0].keys() >= {"unit", "spent"}
