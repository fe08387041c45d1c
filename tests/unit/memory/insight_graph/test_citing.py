from __future__ import annotations

import pytest

from memory.insight_graph.citing import follows, words_of

SAID = words_of(["1. Read the summary tables", "The totals stand in the summary."])


@pytest.mark.parametrize(
    ("advice", "procedure", "cited"),
    [
        (None, ("list_files", "read_table"), True),
        (None, ("read_table",), False),
        ("Using list_files → read_table worked.", ("list_files", "read_table"), True),
        ("Take totals from the summary tables.", (), True),
        ("Convert every currency before adding up.", (), False),
        ("", (), False),
    ],
)
def test_a_record_is_cited_by_who_does_or_says_the_same(
    advice: str | None, procedure: tuple[str, ...], cited: bool
) -> None:
    assert follows(advice, procedure, done=("list_files", "read_table"), words=SAID) is cited
