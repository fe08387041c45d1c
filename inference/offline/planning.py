"""Planning by rule: a subtask for each input, or for each folder of inputs where there are too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from inference.offline import comparing

MOST_INPUTS = 24
"""Files one offline task looks into; the nearest to the goal come first."""
NEAR_ENOUGH = 0.4
"""A file is left out when its score is under this share of the best one's, unless few files are left."""
FEW = 3


def plan(blocks: Mapping[str, JsonValue], schema: Mapping[str, Any]) -> JsonValue:
    """The plan for the goal and inputs of a prompt, within the limits its schema states."""
    question = str(blocks.get("question") or blocks.get("goal") or "")
    inputs = cast(list[dict[str, Any]], blocks.get("inputs") or [])
    subtasks = schema["properties"]["subtasks"]
    most = int(subtasks["maxItems"])
    splitting = "const" not in subtasks["items"]["properties"]["split"]
    compared = comparing.compared(question, [str(file["path"]) for file in inputs])
    if compared:
        group = [file for file in inputs if file["path"] in compared]
        return {"subtasks": [_subtask(f"Compare {len(group)} files", question, group, split=False)]}
    recalled = cast(list[dict[str, Any]], blocks.get("recalled") or [])
    groups = _groups(_narrowed(_chosen(question, inputs), recalled), most)
    if not groups:
        return {"subtasks": [_subtask("Answer without files", question, [], split=False)]}
    return {
        "subtasks": [
            _subtask(_title(group), question, group, split=splitting and len(group) > 2) for group in groups
        ]
    }


def _chosen(question: str, inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files the question names, then those near enough to it."""
    named = [file for file in inputs if comparing.is_named(question, str(file["path"]))]
    others = [file for file in inputs if file not in named]
    return [*named, *_near(others)][:MOST_INPUTS]


def _near(inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ranked = sorted(inputs, key=lambda file: (-float(file["score"]), str(file["path"])))[:MOST_INPUTS]
    best = float(ranked[0]["score"]) if ranked else 0.0
    near = [file for file in ranked if float(file["score"]) >= best * NEAR_ENOUGH]
    return near if len(near) >= FEW else ranked[:FEW]


def _narrowed(files: Sequence[dict[str, Any]], recalled: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without the files behind those that a note names: somebody knows where to look.

    A file that lies nearer to the question than they do stays: this question may be another one.
    """
    said = [str(line) for record in recalled if record["kind"] == "note" for line in record["lines"]]
    known = [file for file in files if any(comparing.is_named(line, str(file["path"])) for line in said)]
    if not known:
        return list(files)
    least = min(float(file["score"]) for file in known)
    return [file for file in files if file in known or float(file["score"]) >= least]


def _groups(files: Sequence[dict[str, Any]], most: int) -> list[list[dict[str, Any]]]:
    """At most `most` groups: single files while they last, else by folder, else dealt out evenly."""
    if len(files) <= most:
        return [[file] for file in files]
    folders: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        folders.setdefault(str(file["path"]).rpartition("/")[0], []).append(file)
    if 1 < len(folders) <= most:
        return list(folders.values())
    return [list(files[start::most]) for start in range(most)]


def _title(group: Sequence[dict[str, Any]]) -> str:
    first = str(group[0]["path"])
    if len(group) == 1:
        return f"Read {first}"
    return f"Read {len(group)} files such as {first}"


def _subtask(
    title: str, question: str, group: Sequence[dict[str, Any]], *, split: bool
) -> dict[str, JsonValue]:
    return {
        "title": title[:200],
        "question": question[:4000],
        "inputs": [str(file["ref"]) for file in group],
        "split": split,
        "after": [],
    }
