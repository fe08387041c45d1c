"""Our matcher agrees with Python's on what it supports, and takes linear time where Python's does not."""

from __future__ import annotations

import gc
import re
import time
import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.regex import Matcher, PatternInvalid

_ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "1",
            " ",
            ".",
            r"\w",
            r"\d",
            r"\s",
            r"\S",
            "[ab]",
            "[^a]",
            "[a-c1]",
            r"[\w-]",
            r"\b",
            "^",
            "$",
        ),
        *("(a|b)", "(?:ab|c)", "(a*b?)", "(?:1|)", r"\.", "[]a]", r"\x61", "()", "(a|)"),
    ]
)
_REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{,2}", "*?", "+?"])
_PATTERNS = st.lists(st.tuples(_ATOMS, _REPEATS).map("".join), min_size=1, max_size=5).map("".join)


@given(_PATTERNS, st.text("abc1 _-.]\n", max_size=12), st.booleans())
@settings(max_examples=500, deadline=None)
def test_agrees_with_the_standard_library(pattern: str, line: str, ignore_case: bool) -> None:
    try:
        theirs = pattern.replace("{,2}", "{0,2}").replace("$", r"\Z")
        reference = re.compile(theirs, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return
    matcher = Matcher(pattern, ignore_case=ignore_case)
    expected = reference.search(line) is not None
    assert (matcher.search(line) is not None) == expected
    assert matcher.may_match(line) or not expected


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){12}b", "a*a*a*a*a*a*b", "(?:a?){40}a{40}c", "^(([a-z])+.)+Z$"],
)
def test_catastrophic_patterns_take_linear_time(pattern: str) -> None:
    matcher = Matcher(pattern)
    started = time.monotonic()
    matcher.search("a" * 20_000 + "!")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[", "a)", "(?=a)", "(?<!a)", r"(a)\1", "a**", "*a", "a{3,2}", "a{999}", "\\", "[b-a]"),
        *(r"\p{L}", "(?i:a)", "((a{100}){100}){100}", "((((){200}){200}){200}){200}", "(" * 60 + ")" * 60),
        *("a" * 501, "a*+", r"[\w-", "(?P<a", "+"),
    ],
)
def test_unsupported_patterns_are_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(PatternInvalid, match=r"\w+ \w+"):
        Matcher(pattern)


@pytest.mark.parametrize(
    ("pattern", "line", "end"),
    [
        ("b", "abc", 2),
        ("a+", "baa", 2),
        ("", "x", 0),
        ("c$", "abc", 3),
        (r"\bfox\b", "a fox.", 5),
        ("ß", "STRASSE", None),
    ],
)
def test_search_gives_the_end_of_the_first_match(pattern: str, line: str, end: int | None) -> None:
    assert Matcher(pattern, ignore_case=True).search(line) == end


def test_case_is_ignored_beyond_ascii() -> None:
    assert Matcher("ÄRGER", ignore_case=True).search("der ärger") is not None
    assert Matcher("ärger").search("ÄRGER") is None


def test_a_search_can_be_stopped_before_it_costs_too_much() -> None:
    matcher, left = Matcher("(?:.*a){100}b"), 5_000

    def spend(work: int) -> None:
        nonlocal left
        left -= work
        if left < 0:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        matcher.search("ab" * 10_000, spend=spend)
    assert matcher.search("a" * 100 + "b") == 101


def test_what_is_kept_between_texts_is_bounded() -> None:
    """Nearly every character leads to a state of its own, of hundreds of positions."""
    matcher = Matcher("(?:a.{30}){6}b", most_kept=5_000)
    randomness = Random(1)
    tracemalloc.start()
    try:
        matcher.search("".join(randomness.choices("ac", k=5_000)))
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000
