"""Random trees of agents on a small grant, workers that die between statements, and a node that fails."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, answer_of, calls, says
from core import failpoints
from core.blocks import read_blocks
from core.errors import ModelUnavailable
from core.ids import AgentId, TenantId
from inference.estimate import extras_size, messages_size
from inference.failure import NotBegun
from inference.model import ModelReply, ModelRequest, Usage
from orchestrator.topics import ADVANCE

Tree = int | list["Tree"]
"""A worker that uses its tool that often, or a lead over others."""

AT_ONCE = 4
MOST_ROUNDS = 400

_LONG_AGO = b"""
UPDATE agent SET published_at = now() - interval '1 day', republished = 0,
    lease_until = CASE WHEN state = 'running' THEN now() - interval '1 second' END
WHERE state IN ('ready', 'running')
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """`death` is the chance of a worker's end at each statement, `failure` the node's at each call."""

    tree: list[Tree]
    tokens: int | None
    tool_calls: int | None
    death: float
    failure: float
    seed: int

    @property
    def goal(self) -> str:
        return json.dumps({"tree": self.tree, "seed": self.seed})


_workers = st.integers(0, 2)
_trees: st.SearchStrategy[Any] = st.recursive(
    _workers, lambda smaller: st.lists(smaller, min_size=1, max_size=3), max_leaves=6
)

cases = st.builds(
    Case,
    tree=st.lists(_trees, min_size=1, max_size=3),
    tokens=st.none() | st.integers(0, 150_000),
    tool_calls=st.none() | st.integers(0, 8),
    death=st.floats(0, 0.03),
    failure=st.floats(0, 0.2),
    seed=st.integers(0, 2**32),
)


class Killed(BaseException):
    """Ends a turn where a process would have ended: nothing below gets to write."""


class Deaths:
    """Ends the turn that is under its eyes at one of its statements."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._chance: ContextVar[tuple[random.Random, float] | None] = ContextVar("death", default=None)
        self.happened = 0
        patch.setattr(failpoints, "is_armed", lambda: True)
        patch.setattr(failpoints, "reach", self._reach)

    def _reach(self, point: str) -> None:
        threat = self._chance.get()
        if threat is not None and threat[0].random() < threat[1]:
            self.happened += 1
            self._chance.set(None)
            raise Killed(point)

    async def turn(
        self, opened: Harness, tenant: TenantId, agent: AgentId, threat: tuple[random.Random, float]
    ) -> None:
        """One turn of an agent, which may not see its end."""
        self._chance.set(threat)
        try:
            claimed = await opened.room.engine.claim(tenant, agent)
            if claimed is not None:
                await opened.room.engine.run(claimed)
        except Killed:
            return
        finally:
            self._chance.set(None)


class Node:
    """A model that plays the tree of the task; keeps count of what it would bill."""

    def __init__(self) -> None:
        self.billed = 0
        self.failure = 0.0
        self.chance = random.Random()

    def __call__(self, request: ModelRequest) -> ModelReply:
        prompt = _counted(request)
        if self.chance.random() < self.failure:
            if self.chance.random() < 0.5:
                raise NotBegun("busy")
            self.billed += prompt + self.chance.randint(0, request.max_tokens)
            raise ModelUnavailable("cut off")
        reply = _played(request)
        wanted = self.chance.randint(20, 400)
        usage = Usage(prompt_tokens=prompt, completion_tokens=min(wanted, request.max_tokens))
        self.billed += usage.total
        cut = wanted > request.max_tokens
        return reply.model_copy(
            update={"usage": usage, "finish_reason": "length" if cut else reply.finish_reason}
        )


def _counted(request: ModelRequest) -> int:
    """A tokenizer's count: about half of the estimate, as for prose."""
    size = messages_size(request.messages) + extras_size(request)
    return math.ceil(size.wordy * 0.55) + size.dense


def _played(request: ModelRequest) -> ModelReply:
    match request.kind:
        case "plan":
            return says({"subtasks": [_step(index, tree) for index, tree in enumerate(_tree(request))]})
        case "act" if sum(message.role == "tool" for message in request.messages) < _tree(request):
            return calls("calculate", expression=f"1 + {len(request.messages)}")
        case "act" | "return":
            return says(NOTHING_FOUND)
        case "select":
            return says({"status": "not_found", "cites": []})
        case _:
            return answer_of("all parts are in")


def _tree(request: ModelRequest) -> Any:
    question = read_blocks(request.messages[1].content)["question"]
    return json.loads(str(question))["tree"]


def _step(index: int, tree: Tree) -> Mapping[str, object]:
    question = json.dumps({"tree": tree})
    split = isinstance(tree, list)
    return {"title": f"part {index}", "question": question, "inputs": [], "split": split, "after": []}


async def play(opened: Harness, node: Node, deaths: Deaths, case: Case) -> None:
    """Run the case to its end, some agents at a time, whoever dies on the way."""
    chance = random.Random(case.seed)
    node.failure, node.chance = case.failure, random.Random(case.seed)
    await opened.submit(
        case.goal,
        tools=["calculate"],
        memory=False,
        budget={"tokens": case.tokens, "tool_calls": case.tool_calls, "depth": 8},
    )
    for _ in range(MOST_ROUNDS):
        found = await opened.collect()
        agents = [(tenant, AgentId(subject)) for topic, tenant, subject in found if topic == ADVANCE]
        for start in range(0, len(agents), AT_ONCE):
            some = agents[start : start + AT_ONCE]
            await asyncio.gather(*(deaths.turn(opened, *one, (chance, case.death)) for one in some))
        if not agents and not await _left_behind(opened):
            return
    raise AssertionError("the task does not end")


async def _left_behind(opened: Harness) -> int:
    """Let leases of the dead run out, and messages count as lost; returns how many agents could go on."""
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        left = await work.execute(_LONG_AGO)
    await opened.room.reaper().round()
    return left
