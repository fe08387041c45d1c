from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.support.fake_clock import FakeClock
from bench.support.scripted_node import ScriptedNode, echo
from core.errors import ConfigurationError, ModelRejected, ModelUnavailable
from inference.config import ModelConfig
from inference.embedding import BATCH, GatewayEmbedder, measured, rows_of
from inference.node_embedding import NodeEmbeddings
from memory.embedder import CachedEmbedder

CONFIG = ModelConfig(model="embedder", base_url="http://node/v1")


class Node:
    """Gives vectors that point where a text is long; fails as it is told to, text limit included."""

    def __init__(self, *failures: Exception, limit: int = 10_000, dimensions: int = 2) -> None:
        self.failures = list(failures)
        self.limit = limit
        self.dimensions = dimensions
        self.asked: list[list[str]] = []

    async def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(list(texts))
        if self.failures:
            raise self.failures.pop(0)
        if any(len(text) > self.limit for text in texts):
            raise ModelRejected("too long", code="context_window_exceeded")
        return [[float(len(text)), 1.0] + [0.0] * (self.dimensions - 2) for text in texts]

    async def aclose(self) -> None:
        """Nothing is held."""


def embedder(node: Node, clock: FakeClock | None = None) -> GatewayEmbedder:
    return GatewayEmbedder(node, CONFIG, 2, clock=clock or FakeClock(), jitter=lambda: 1.0)


async def test_rows_are_unit_vectors_in_order_and_asked_for_in_batches() -> None:
    node = Node()
    rows = await embedder(node).embed(["x" * n for n in range(1, BATCH + 3)])
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-6
    assert rows[3][0] / rows[3][1] == pytest.approx(4)
    assert [len(batch) for batch in node.asked] == [BATCH, 2]


async def test_a_failure_that_may_pass_is_tried_again() -> None:
    node, clock = Node(ModelUnavailable("later"), ModelUnavailable("later")), FakeClock()
    assert len(await embedder(node, clock).embed(["a"])) == 1
    assert clock.slept == [0.5, 1.0]


async def test_one_that_stays_is_raised() -> None:
    with pytest.raises(ModelUnavailable):
        await embedder(Node(*[ModelUnavailable("down")] * 9)).embed(["a"])


async def test_a_text_that_is_too_long_is_cut_and_the_others_are_not() -> None:
    node = Node(limit=1_000)
    rows = await embedder(node).embed(["short", "x" * 3_000])
    assert rows[1][0] / rows[1][1] == pytest.approx(750)
    assert rows[0][0] / rows[0][1] == pytest.approx(5)


async def test_vectors_of_another_length_ask_for_a_rebuild() -> None:
    with pytest.raises(ModelUnavailable, match=r"3 dimensions.*treehold index rebuild") as raised:
        await embedder(Node(dimensions=3)).embed(["a"])
    assert not raised.value.retryable


@pytest.mark.parametrize(
    "reply", [{}, {"data": [{"index": 0}]}, {"data": 3}, [], {"data": [{"index": 0, "embedding": ["x"]}]}]
)
def test_a_reply_of_another_shape_is_unavailable(reply: object) -> None:
    with pytest.raises(ModelUnavailable):
        rows_of(reply, CONFIG)


async def test_an_embedder_that_does_not_answer_is_a_matter_of_settings() -> None:
    with pytest.raises(ConfigurationError, match="TREEHOLD_EMBEDDER"):
        await measured(Node(ModelRejected("no such model")), CONFIG)


async def test_a_node_is_asked_over_http() -> None:
    async with ScriptedNode(echo) as node:
        config = ModelConfig(model="embedder", base_url=node.base_url)
        provider = NodeEmbeddings(config, node.base_url)
        length = await measured(provider, config)
        made = GatewayEmbedder(provider, config, length)
        rows = await made.embed(["a", "b", "a"])
        await made.aclose()
    assert made.name == f"embedder-{length}"
    assert rows.shape == (3, length)
    assert (rows[0] == rows[2]).all()
    assert not (rows[0] == rows[1]).all()


async def test_the_same_text_is_asked_for_once() -> None:
    node = Node()
    cached = CachedEmbedder(embedder(node))
    first = await cached.embed(["a", "bb", "a"])
    again = await cached.embed(["bb", "ccc"])
    assert node.asked == [["a", "bb"], ["ccc"]]
    assert (first[1] == again[0]).all()
