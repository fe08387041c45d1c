from __future__ import annotations

from typing import Any

import pytest

from core.schema import check
from inference.structure import OutputProblem, compiled
from memory.insight_graph.operations import Add, Merge, most_additions, read, schema

ADD: dict[str, Any] = {"op": "add", "text": "Read the summary first.", "episodes": ["e1"]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "agree", "insight": "i3", "episodes": ["e1"]},
        {"op": "add", "text": "x", "episodes": ["e9"]},
        {"op": "add", "text": "x", "episodes": []},
        {"op": "add", "text": "x" * 301, "episodes": ["e1"]},
        {"op": "forget", "insight": "i1"},
        {"op": "merge", "insights": ["i1"], "text": "x"},
        {**ADD, "state": "active"},
    ],
)
def test_a_reply_can_name_only_what_was_shown(operation: dict[str, Any]) -> None:
    allowed = schema(["e1", "e2"], ["i1", "i2"])
    check(allowed)
    merge: dict[str, Any] = {"op": "merge", "insights": ["i1", "i2"], "text": "x"}
    compiled(allowed).check({"operations": [ADD, merge]})
    with pytest.raises(OutputProblem):
        compiled(allowed).check({"operations": [operation]})


def test_without_insights_there_is_only_adding() -> None:
    with pytest.raises(OutputProblem):
        compiled(schema(["e1"], [])).check(
            {"operations": [{"op": "agree", "insight": "i1", "episodes": ["e1"]}]}
        )


def test_a_reply_is_read_whole_or_not_at_all() -> None:
    good = {"operations": [ADD, {"op": "merge", "insights": ["i1", "i2"], "text": "Both."}]}
    assert [type(one) for one in read(good) or ()] == [Add, Merge]
    assert read({"operations": [ADD, {"op": "add"}]}) is None
    assert read("operations") is None
    assert read({}) is None


@pytest.mark.parametrize(("episodes", "most"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 3)])
def test_generalisations_are_fewer_than_what_they_rest_on(episodes: int, most: int) -> None:
    assert most_additions(episodes) == most
