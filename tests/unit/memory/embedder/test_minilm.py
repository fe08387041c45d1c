from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigurationError
from memory.embedder import MiniLm, minilm
from memory.ports import Vectors


@pytest.fixture(scope="module")
def embedder() -> MiniLm:
    return MiniLm()


def cosine(vectors: Vectors, first: int, second: int) -> float:
    return float(vectors[first] @ vectors[second])


async def test_no_texts_give_no_rows(embedder: MiniLm) -> None:
    vectors = await embedder.embed([])
    assert (vectors.shape, vectors.dtype) == ((0, 384), np.float32)


async def test_rows_are_unit_vectors_in_the_order_of_the_texts(embedder: MiniLm) -> None:
    texts = ["a much longer text " * 20, "short", "", "of middle length, this one", "short"]
    vectors = await embedder.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((5, embedder.dimensions), np.float32)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    alone = np.concatenate([await MiniLm().embed([text]) for text in texts])
    assert np.abs(vectors - alone).max() < 1e-5


async def test_like_meaning_lies_nearer_than_like_words(embedder: MiniLm) -> None:
    vectors = await embedder.embed(
        ["How do I restart the server?", "Steps to reboot the machine", "How do I cook the salmon?"]
    )
    assert cosine(vectors, 0, 1) > cosine(vectors, 0, 2) + 0.2


async def test_any_string_has_a_vector(embedder: MiniLm) -> None:
    texts = ["half \ud83d surrogate", "nul \x00", "🙂" * 500, "\u202e\u200b", "x" * 200_000, "\n\t "]
    vectors = await embedder.embed(texts)
    assert np.isfinite(vectors).all()
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


async def test_what_follows_the_limit_changes_nothing(embedder: MiniLm) -> None:
    page = "one word after another until the page is full " * 60
    vectors = await embedder.embed([page, page + "and then a quite different ending"])
    assert cosine(vectors, 0, 1) == pytest.approx(1, abs=1e-6)


async def test_what_is_given_back_is_the_callers_own(embedder: MiniLm) -> None:
    first = await embedder.embed(["a text that is asked for twice"])
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(await embedder.embed(["a text that is asked for twice"]), kept)


async def test_a_small_cache_serves_a_long_list() -> None:
    small, texts = MiniLm(cached=2), [f"text number {number}" for number in range(9)]
    vectors = await small.embed(texts)
    assert np.abs(await small.embed(texts[::-1]) - vectors[::-1]).max() < 1e-5


async def test_a_question_does_not_wait_for_a_long_list(embedder: MiniLm) -> None:
    pages = [f"page {number} of a long list " * 40 for number in range(60)]
    long_list = asyncio.create_task(embedder.embed(pages))
    await asyncio.sleep(0)
    await embedder.embed(["a question"])
    assert not long_list.done()
    assert (await long_list).shape == (60, 384)


async def test_a_cancelled_list_leaves_the_embedder_working(embedder: MiniLm) -> None:
    task = asyncio.create_task(embedder.embed([f"cancelled page {number} " * 60 for number in range(60)]))
    await embedder.embed(["another question"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await embedder.embed(["a third question"])).shape == (1, 384)


async def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(ConfigurationError, match="no_such_package"):
        await MiniLm().embed(["text"])


@pytest.mark.parametrize("size", [0, 7, 100, 1_000_000])
async def test_weights_cut_short_are_a_configuration_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    original = minilm.weights_folder()
    for name in ("config.json", "sentence_bert_config.json", "tokenizer.json"):
        shutil.copy(original / name, tmp_path)
    with (original / "model.safetensors").open("rb") as weights:
        (tmp_path / "model.safetensors").write_bytes(weights.read(size))
    monkeypatch.setattr(minilm, "weights_folder", lambda: tmp_path)
    with pytest.raises(ConfigurationError):
        await MiniLm().embed(["text"])
