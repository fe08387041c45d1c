"""Which value of the quotes answers a field: the one next to its words, in a quote about the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from inference.offline.values import Place
from inference.offline.wording import Spoken, among, labelled, named, said_words, spoken, subject, words

FARTHEST = 24
"""A value is not asked by a word that is more than so many half words away."""
PARTED = 6
"""Half words that a comma counts for."""
TOLERATED = 4
"""A quote is about a question when it lacks at most one in so many of the words it asks by."""

_KINDS_OF_VALUE = frozenset(
    word
    for name in (
        *("address", "amount", "answer", "category", "content", "count", "date", "day", "description"),
        *("document", "email", "evidence", "fact", "file", "finding", "item", "kind", "link", "mail", "name"),
        *("number", "passage", "path", "quote", "result", "sentence", "source", "statement", "string"),
        *("summary", "text", "time", "title", "total", "type", "unit", "uri", "url", "value", "website"),
    )
    for word in words(name)
)
"""Words of a field's name that say what kind of value it holds, and nothing of what the value is about."""
_UNITS = frozenset(words("day"))
"""Of these, those that stand beside numbers."""

_CLAUSE_END = re.compile(r"[,;:.?!](?=\s|$)|\band\b")
_PARTING = re.compile(r"[,;()]")

Read = Callable[[str], Iterable[Place]]


@dataclass(frozen=True, kw_only=True)
class Quote:
    id: str
    file: str
    text: str
    heading: str = ""
    """Of its file, where one is near the question."""


@dataclass(frozen=True, kw_only=True)
class Picked:
    value: JsonValue
    quote: Quote


@dataclass(frozen=True, kw_only=True)
class NotFound:
    """`why` goes on from "not found: "."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one field asks for: its own words, and those of the goal that no field has taken."""

    own: frozenset[str]
    goal: frozenset[str]

    def about(self, quote: Quote) -> bool:
        present = {*words(quote.text), *named(quote.file), *words(quote.heading)}
        lacking = sum(not among(word, present) for word in self.goal)
        return lacking <= len(self.goal) // TOLERATED

    def hits(self, present: Iterable[str]) -> int:
        found = set(present)
        return sum(among(word, found) for word in self.own | self.goal)


def own_words(name: str, description: str, *, of_number: bool) -> frozenset[str]:
    """What a field is asked by; only kinds of values leave nothing, and then the goal alone asks."""
    given = frozenset([*named(name), *words(description)])
    return given - (_KINDS_OF_VALUE - _UNITS if of_number else _KINDS_OF_VALUE)


def asked(goal: str, own: frozenset[str], all_own: frozenset[str]) -> Asked:
    """What the goal asks by for one field: the clauses with its words, or all of it where none has one."""
    clauses = [subject(clause) for clause in _CLAUSE_END.split(goal)]
    chosen = [clause for clause in clauses if any(among(word, clause) for word in own)] or clauses
    rest = frozenset(word for clause in chosen for word in clause if not among(word, all_own))
    return Asked(own=own, goal=rest)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    value: JsonValue
    quote: Quote
    rank: tuple[int, int]
    """Words in common, negated, then the distance: the lowest is best."""


@dataclass
class _Search:
    asked: Asked
    read: Read
    fits: Callable[[JsonValue], bool]
    counted: bool
    needs_own: bool
    unfit: bool = False
    candidates: list[_Candidate] = field(default_factory=list[_Candidate])

    def look(self, quote: Quote) -> None:
        if not self.asked.about(quote):
            return
        said = spoken(quote.text)
        anchors = [word for word in said if word.stem and self._anchors(word.stem)]
        if self.asked.own and not anchors and self.needs_own:
            return
        hits = self.asked.hits(word.stem for word in said if word.stem)
        for place in self.read(quote.text):
            distance = _distance(place, quote.text, anchors, counted=self.counted)
            if distance is None or distance > FARTHEST * max(1, len(anchors)):
                continue
            if not self.fits(place.value):
                self.unfit = True
                continue
            self.candidates.append(_Candidate(value=place.value, quote=quote, rank=(-hits, distance)))

    def _anchors(self, stem: str) -> bool:
        return among(stem, self.asked.own or self.asked.goal)


def pick(
    wanted: Asked,
    quotes: Sequence[Quote],
    read: Read,
    *,
    kind: str,
    fits: Callable[[JsonValue], bool],
    counted: bool = False,
    needs_own: bool = False,
) -> Picked | NotFound:
    """The one value that stands nearest to the words asked for; none where several are as near.

    Args:
        wanted: the words.
        quotes: to look in.
        read: finds the values in a text.
        kind: of value, as people call it.
        fits: whether the schema takes a value.
        counted: whether it is a number, behind which stands what it counts.
        needs_own: whether a quote must have one of the field's own words, where the field has any.
    """
    search = _Search(asked=wanted, read=read, fits=fits, counted=counted, needs_own=needs_own)
    for quote in quotes:
        search.look(quote)
    if not search.candidates:
        if search.unfit:
            return NotFound(why=f"the {kind} found does not fit what the schema allows")
        return NotFound(why=f"no {kind} stands next to its words in a passage about the question")
    best = min(candidate.rank for candidate in search.candidates)
    leading = [candidate for candidate in search.candidates if candidate.rank == best]
    values = list(dict.fromkeys(str(candidate.value) for candidate in leading))
    if len(values) > 1:
        return NotFound(why=f"the passages give several: {', '.join(values[:5])}")
    return Picked(value=leading[0].value, quote=leading[0].quote)


def _distance(place: Place, text: str, anchors: Sequence[Spoken], *, counted: bool) -> int | None:
    """How far a value is from the words asked for, all of them; none where it is one of those words.

    What is counted stands behind its number ("14 days"), other values behind their words ("begins on …"); a
    comma parts, and a colon joins.
    """
    nearest: dict[str, int] = {}
    for anchor in anchors:
        if anchor.start <= place.start and place.end <= anchor.end:
            return None
        behind = anchor.start < place.start
        gap = text[anchor.end : place.start] if behind else text[place.end : anchor.start]
        if behind and gap.strip() in {":", "="}:
            far = 0
        else:
            far = 1 + 2 * len(spoken(gap)) + (behind == counted) + PARTED * bool(_PARTING.search(gap))
        nearest[anchor.stem] = min(far, nearest.get(anchor.stem, far))
    return sum(nearest.values()) if nearest else FARTHEST


def text_words(name: str, description: str) -> frozenset[str]:
    """What a text must speak of to fill a field: its name; where that is a kind of value, its description."""
    return own_words(name, "", of_number=False) or own_words("", description, of_number=False)


def speaks_of(own: frozenset[str], quote: Quote) -> bool:
    """Whether a quote has all of a field's words; where the field has none, any quote will do."""
    present = set(said_words(quote.text))
    return all(among(word, present) for word in own)


def labels(name: str, quotes: Sequence[Quote]) -> Iterator[Picked]:
    """The values of lines whose label is a field's name, or has all of its words."""
    wanted = frozenset(named(name))
    near: list[Picked] = []
    for quote in quotes:
        line = labelled(quote.text)
        if line is None:
            continue
        label = frozenset(named(line.label))
        if label == wanted:
            yield Picked(value=line.value, quote=quote)
        elif wanted and all(among(word, label) for word in wanted):
            near.append(Picked(value=line.value, quote=quote))
    yield from near
