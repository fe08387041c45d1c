"""Conversations, and questions with the turns that answer them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Question:
    """`evidence` are places among the turns; `kind` is for the table."""

    text: str
    evidence: frozenset[int]
    kind: str = "all"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Turns as a memory would be given them: who spoke, and what. `threads` tell which belong together."""

    name: str
    turns: list[str]
    threads: list[str]
    questions: list[Question] = field(default_factory=list[Question])


PUBLIC: Mapping[str, str] = {
    "friendsqa": "https://github.com/emorynlp/FriendsQA (Apache-2.0)",
    "qmsum": "https://github.com/Yale-LILY/QMSum (MIT)",
}
"""Sets with labels that may be used; a checkout is given by its folder."""

MOST_EVIDENCE = 30
"""Turns of QMSum's spans; longer ones are whole chapters, which no search result is."""


def friendsqa(folder: Path, split: str) -> list[Conversation]:
    """One conversation for each episode: the scenes that the split has of it."""
    data: Any = json.loads((folder / "dat" / f"friendsqa_{split}.json").read_text())
    episodes: dict[str, Conversation] = {}
    for scene in data["data"]:
        name = str(scene["title"]).rpartition("_")[0]
        episode = episodes.setdefault(name, Conversation(name=name, turns=[], threads=[]))
        for paragraph in scene["paragraphs"]:
            _add_scene(episode, str(scene["title"]), paragraph)
    return list(episodes.values())


def _add_scene(episode: Conversation, title: str, paragraph: Mapping[str, Any]) -> None:
    places: dict[int, int] = {}
    for turn in paragraph["utterances:"]:
        places[turn["uid"]] = len(episode.turns)
        said = (
            f"{', '.join(turn['speakers'])}: {turn['utterance']}" if turn["speakers"] else turn["utterance"]
        )
        episode.turns.append(said)
        episode.threads.append(title)
    for asked in paragraph["qas"]:
        evidence = frozenset(
            places[answer["utterance_id"]] for answer in asked["answers"] if answer["utterance_id"] in places
        )
        if evidence:
            episode.questions.append(Question(text=asked["question"], evidence=evidence))


def qmsum(folder: Path, split: str) -> list[Conversation]:
    """One conversation for each meeting."""
    return list(_meetings(folder / "data" / "ALL" / "jsonl" / f"{split}.jsonl"))


def _meetings(path: Path) -> Iterator[Conversation]:
    for number, line in enumerate(path.read_text().splitlines()):
        meeting: Any = json.loads(line)
        turns = [f"{turn['speaker']}: {turn['content']}" for turn in meeting["meeting_transcripts"]]
        name = f"meeting {number}"
        questions: list[Question] = []
        for asked in meeting["specific_query_list"]:
            evidence = frozenset(
                place
                for first, last in asked["relevant_text_span"]
                for place in range(int(first), min(int(last), len(turns) - 1) + 1)
            )
            if 0 < len(evidence) <= MOST_EVIDENCE:
                questions.append(Question(text=asked["query"], evidence=evidence))
        yield Conversation(name=name, turns=turns, threads=[name] * len(turns), questions=questions)
