"""Passages, and how words and vectors together put them in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools import Document, MeaningSearch, Workspace
from tools.passages import passages


class TopicEmbedder:
    """Two dimensions: about animals, about anything else."""

    def __init__(self) -> None:
        self.texts = 0

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        animals = ("cat", "dog", "pet")
        return np.asarray(
            [[1, 0] if any(animal in text for animal in animals) else [0, 1] for text in texts],
            dtype=np.float32,
        )


def test_passages_hold_every_line_with_text_once() -> None:
    lines = [f"line {number}" if number % 5 else "" for number in range(1, 100)]
    found = list(passages(Document("a.md", "markdown", "\n".join(lines))))
    covered = [number for passage in found for number in range(passage.first, passage.last + 1)]
    assert len(covered) == len(set(covered))
    assert {number for number, line in enumerate(lines, 1) if line} <= set(covered)
    assert all(passage.lines == tuple(lines[passage.first - 1 : passage.last]) for passage in found)
    assert all(len(passage.lines) <= 12 for passage in found)


def test_a_heading_stays_with_its_text() -> None:
    text = "# One\n\nfirst\n\n# Two\n\nsecond\n"
    found = [passage.lines for passage in passages(Document("a.md", "markdown", text))]
    assert found == [("# One", "", "first"), ("# Two", "", "second")]


async def test_vectors_find_what_words_do_not(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("The cat sleeps all day.\n")
    (tmp_path / "b.md").write_text("Invoices are due in March.\n")
    ranking = await MeaningSearch(TopicEmbedder()).rank(Workspace(tmp_path), "my pet")
    assert ranking.passages[0].passage.path == "a.md"
    assert ranking.passages[0].score > ranking.passages[1].score


async def test_rare_words_weigh_more_and_endings_less(tmp_path: Path) -> None:
    for index in range(20):
        (tmp_path / f"{index}.md").write_text("The budget of this project.\n")
    (tmp_path / "x.md").write_text("Budgets are reconciled on Fridays.\n")
    ranking = await MeaningSearch(None).rank(Workspace(tmp_path), "budget reconciling", limit=3)
    assert ranking.passages[0].passage.path == "x.md"


async def test_vectors_are_made_once(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("The cat sleeps.\n")
    embedder = TopicEmbedder()
    search, workspace = MeaningSearch(embedder), Workspace(tmp_path)
    await search.rank(workspace, "cat")
    await search.rank(workspace, "cat")
    assert embedder.texts == 3


async def test_a_large_folder_costs_no_more_vectors_than_the_results_are_worth(tmp_path: Path) -> None:
    for index in range(200):
        (tmp_path / f"{index}.md").write_text(f"The cat number {index}.\n" + "It slept. " * 80)
    embedder = TopicEmbedder()
    ranking = await MeaningSearch(embedder).rank(Workspace(tmp_path), "cat", limit=4)
    assert len(ranking.passages) == 4
    assert embedder.texts < 12


async def test_files_are_scored_by_their_best_passage(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Nothing.\n\n\n# H\n\nThe cat.\n")
    (tmp_path / "b.md").write_text("Invoices.\n")
    scores = await MeaningSearch(TopicEmbedder()).score_files(Workspace(tmp_path), "cat")
    assert scores["a.md"] > scores["b.md"]


async def test_a_folder_without_text_has_no_passages(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("\n\n")
    assert (await MeaningSearch(TopicEmbedder()).rank(Workspace(tmp_path), "cat")).passages == ()
