"""Figures: numbers computed from tables, named by group, function and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference.offline.wording import among, named, words

NUMBER_WORDS: dict[str, frozenset[str]] = {
    "sum": frozenset(
        {"sum", "total", "totals", "totalled", "altogether", "overall", "combined", "summe", "insgesamt"}
    ),
    "mean": frozenset({"mean", "average", "averages", "avg"}),
    "median": frozenset({"median"}),
    "max": frozenset({"max", "maximum", "highest", "largest", "biggest", "most"}),
    "min": frozenset({"min", "minimum", "lowest", "smallest", "least", "fewest"}),
    "count": frozenset({"count", "many", "viele", "wieviele", "anzahl"}),
}
"""What computes, and the words that ask for it."""
_LABEL = re.compile(
    rf"(?:(?P<group>.+)\.)?(?P<function>{'|'.join(NUMBER_WORDS)})(?:_(?P<column>.+))?", re.DOTALL
)
_NUMBER_OF = re.compile(r"(?:^|(?<=the )|(?<=total ))number of\b")
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_LABEL = 64


@dataclass(frozen=True, kw_only=True)
class Figure:
    label: str
    number: int | float
    file: str


def label(group: Sequence[str], name: str) -> str:
    """The label of an aggregate such as `sum_price`, of one group of rows or of all of them."""
    text = ".".join([*(["-".join(group)] if group else []), name])
    return _NOT_IN_LABELS.sub("_", text).strip("_")[-_LONGEST_LABEL:] or "figure"


def functions(said: str) -> list[str]:
    """What a question asks to have computed."""
    spoken = set(re.findall(r"\w+", _NUMBER_OF.sub("count", said.lower())))
    return [function for function, asking in NUMBER_WORDS.items() if asking & spoken]


def figure_for(said: str, figures: Sequence[Figure]) -> Figure | None:
    """The one figure whose function, column and group are all asked for."""
    asked, wanted = set(words(said)) | set(named(said)), set(functions(said))
    found = [figure for figure in figures if _is_asked(figure, asked, wanted)]
    return found[0] if len({figure.number for figure in found}) == 1 else None


def _is_asked(figure: Figure, asked: set[str], wanted: set[str]) -> bool:
    parts = _LABEL.fullmatch(figure.label)
    if parts is None:
        return False
    column = named(parts["column"] or "")
    named_in_full = column and all(among(word, asked) for word in column)
    group = named(parts["group"] or "")
    return (
        parts["function"] in wanted
        and bool(named_in_full or not parts["column"])
        and all(word in asked for word in group)
    )
