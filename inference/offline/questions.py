"""What a question says of a computation: what is counted, grouped by, and compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inference.offline.figures import functions
from inference.offline.wording import named, subject, words

_FILE_NAME = re.compile(
    r"[\w./\\-]*\w\.(?:csv|tsv|jsonl|ndjson|json|md|txt|rst|html?|pdf|log|py|ya?ml|toml)\b", re.I
)
_GROUPED = re.compile(
    r"\b(?:by|per|for (?:each|every)|each|every|je|pro)\s+(?:the\s+)?(\w+)(?:\s+(\w+))?", re.I
)
_COUNTED = re.compile(
    r"\b(?:how many|wie\s?viele|the number of|anzahl(?: der)?|count(?: of)?)\s+(?:the\s+)?(\w+)", re.I
)
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:\.\d+)?(?![\w-])(?!\.\d)")
_JOINING = r"(?:\s+(?:is|was|are|were|of|equals|equal to|code|ist))?\s*(?:[:=]|==)?\s*[\"'`]?"
_NOT_BY_RULE = re.compile(
    r"\b(?:not|no|without|except|excluding|unless|never|besides|other than|nicht|ohne|außer|kein\w*|between|"
    r"before|after|since|until|zwischen|vor|nach|seit|bis)\b|n't\b|[<>≤≥]|!=|"
    r"\b(?:over|above|under|below|more|less|fewer|greater|larger|higher|lower|least|most|exceed\w*|beyond|"
    r"über|unter|mehr|weniger|mindestens|höchstens)\b(?:\s+\w+){0,2}\s+[€$£]?\d",
    re.I,
)
_OF_ROWS = frozenset(
    words("rows records lines entries datasets zeilen einträge there exist contains altogether")
)


class TableQuestion:
    """A question about tables, without the names of files in it: those are no columns and no values."""

    def __init__(self, question: str) -> None:
        self.text = _FILE_NAME.sub(" ", question)
        self.words = frozenset([*words(self.text), *named(self.text)])
        self.functions = functions(self.text)
        self.numbers = list(dict.fromkeys(_NUMBER.findall(self.text)))
        self.beyond_rules = bool(_NOT_BY_RULE.search(self.text))

    def numbers_of(self, column: str) -> list[str]:
        """The numbers that stand right behind a column's name, or before it."""
        name = r"[\s_-]+".join(map(re.escape, re.split(r"[\W_]+", column)))
        found = re.findall(rf"\b{name}s?{_JOINING}({_NUMBER.pattern})", self.text, re.I)
        return found or re.findall(rf"({_NUMBER.pattern})\s+{name}s?\b", self.text, re.I)

    def grouping(self, columns: Iterable[str]) -> tuple[bool, str | None]:
        """Whether it names something to group by, and the column that this is."""
        asked = [
            [frozenset(words(" ".join(match))), frozenset(words(match[0]))]
            for match in _GROUPED.findall(self.text)
        ]
        asked = [choice for choice in asked if choice[1]]
        by_name = {frozenset(named(column)): column for column in columns}
        for choice in asked:
            for said in choice:
                if said in by_name:
                    return True, by_name[said]
        return bool(asked), None

    def counts(self, column: str) -> bool:
        """Whether a column is what it asks the number of: "how many visitors"."""
        return any(words(counted) == named(column) for counted in _COUNTED.findall(self.text))

    def other_words(self, placed: Iterable[str]) -> frozenset[str]:
        """Its words that are none of those placed, and not about rows as such."""
        grouped = {word for match in _GROUPED.findall(self.text) for word in words(match[0])}
        return subject(self.text) - frozenset(placed) - _OF_ROWS - grouped
