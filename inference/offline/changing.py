"""Changing by rule: utterances become operations on the nodes that are shown; what is not clear is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import JsonValue

from inference.offline.clauses import Clause, clauses
from inference.offline.wording import words

MOST_NEW = 4
LEAST_COVERED = 0.5
"""Of the words that name a node, those that its title or value must have."""

_PRONOUN = re.compile(r"^(?:it|that|this|them|those|(?:that|this|the (?:last|same)) one)$", re.I)
_ARTICLE = re.compile(r"^(?:(?:the|a|an|my|our|your|its|this|that|some)\s+)+")
_ALL = re.compile(
    r"\b(?:all|everything|overall|so far|whole|summary|summari[sz]e|recap|status|plan|list)\b", re.I
)
_ASKING = re.compile(
    r"\b(?:tell|show|give|remind|list|read|know|say|said|got|look|looks|please|me|us|go)\b", re.I
)
_TOGETHER = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+|\s*&\s*", re.I)
_NUMBERS = {
    name: number
    for number, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
    )
}


class _Unclear(Exception):
    def __init__(self, candidates: Sequence[str]) -> None:
        super().__init__("it is not clear what is meant")
        self.candidates = list(candidates)


@dataclass
class _Talk:
    """The nodes that can be named, and which was named last."""

    nodes: Sequence[Mapping[str, Any]]
    gone: Sequence[Mapping[str, Any]]
    holds: str
    last: str | None = None
    made: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def newest(self, *, gone: bool) -> list[str]:
        """The nodes that changed last: what `it` and `that` mean where nothing was named before."""
        known = [*self.nodes, *(self.gone if gone else ())]
        last = max((int(node["changed"]) for node in known), default=0)
        return [str(node["id"]) for node in known if int(node["changed"]) == last]

    def find(self, phrase: str, *, gone: bool = False) -> str:
        """Raises `_Unclear` where no node, or more than one, may be meant."""
        if not phrase or _PRONOUN.match(phrase.strip()):
            near = [self.last] if self.last else self.newest(gone=gone)
        else:
            near = self.near(phrase)
        if not near and gone:
            near = _nearest(phrase, self.gone)
        if len(near) != 1:
            raise _Unclear(near)
        return near[0]

    def near(self, phrase: str) -> list[str]:
        """The nodes that a phrase may mean, equally well."""
        exact = [str(node["id"]) for node in self.nodes if str(node["id"]) == phrase.strip().lower()]
        return exact or _nearest(phrase, [*self.nodes, *self.made])


def change(blocks: Mapping[str, JsonValue], schema: Mapping[str, Any]) -> JsonValue:
    """The reading of what was said, as its schema has it."""
    create = schema["properties"]["operations"]["items"]["anyOf"][0]["properties"]
    talk = _Talk(
        nodes=cast(list[dict[str, Any]], blocks.get("nodes") or []),
        gone=cast(list[dict[str, Any]], blocks.get("gone") or []),
        holds="text" if "text" in create else "value",
        last=str(blocks["about"]) if blocks.get("about") else None,
    )
    try:
        said = clauses(str(blocks.get("said") or ""))
        if not said:
            raise _Unclear([])
        operations = [operation for clause in said for operation in _operations(clause, talk)]
    except _Unclear as unclear:
        return {"operations": [], "needs_clarification": True, "candidates": [*unclear.candidates[:16]]}
    return {"operations": operations[:12], "needs_clarification": False, "candidates": []}


def _operations(clause: Clause, talk: _Talk) -> list[JsonValue]:
    match clause.act:
        case "query":
            return [{"op": "query", "nodes": _asked(clause.about, talk)}]
        case "undo" if not clause.about:
            return [_undone(node, talk) for node in reversed(talk.newest(gone=True))]
        case "undo" | "back" | "original":
            node = talk.find(_named_in(clause.about, talk), gone=True)
            talk.last = node
            if clause.act == "undo":
                return [_undone(node, talk)]
            to = "previous" if clause.act == "back" else "original"
            return [{"op": "rollback", "node": node, "to": to}]
        case "make":
            return [_made(clause.about, talk)]
        case "retire":
            return [{"op": "retire", "node": node} for node in _each(clause.about, talk)]
        case "link":
            node = talk.find(clause.about)
            return [{"op": "link", "node": node, "depends_on": other} for other in _each(clause.rests, talk)]
        case "add":
            return _added(clause, talk)
        case _:
            return _set(clause, talk)


def _undone(node: str, talk: _Talk) -> JsonValue:
    """What was added, and never changed, is taken out again."""
    if any(each["id"] == node and not each["was"] for each in talk.nodes):
        return {"op": "retire", "node": node}
    return {"op": "rollback", "node": node, "to": "previous"}


def _made(phrase: str, talk: _Talk) -> JsonValue:
    """`the budget 800`: the words up to the value name a node."""
    said = phrase.split()
    for end in range(len(said) - 1, 0, -1):
        near = talk.near(" ".join(said[:end]))
        title = next((str(node["title"]) for node in talk.nodes if [node["id"]] == near), "")
        if title and words(title)[-1:] == words(said[end - 1]):
            return _valued(talk, near[0], _value(" ".join(said[end:])))
    raise _Unclear([])


def _added(clause: Clause, talk: _Talk) -> list[JsonValue]:
    title, value = _titled(clause, talk.holds)
    standing = [node for node in talk.nodes if words(str(node["title"])) == words(title)]
    if standing and value is not None and talk.holds == "value":
        return [_valued(talk, str(standing[0]["id"]), value)]
    return [_created(talk, title, value, clause)]


def _titled(clause: Clause, holds: str) -> tuple[str, JsonValue]:
    """What an added thing is called, and what is known of it: `three apples` are apples, and 3."""
    title = _ARTICLE.sub("", clause.about.strip())
    if holds == "text":
        return _ARTICLE.sub("", clause.whole.strip()), None
    if clause.value:
        return title, _value(clause.value)
    first, _, rest = title.partition(" ")
    number = _value(first)
    if rest and isinstance(number, int | float):
        return rest, number
    return title, None


def _created(talk: _Talk, title: str, value: JsonValue, clause: Clause) -> JsonValue:
    if len(talk.made) == MOST_NEW:
        raise _Unclear([])
    new = f"new{len(talk.made) + 1}"
    rests = _each(clause.rests, talk) if clause.rests else []
    talk.made.append({"id": new, "title": title, "value": value})
    talk.last = new
    content: dict[str, JsonValue] = {"value": value}
    if talk.holds == "text":
        content = {"text": title}
    named = title[:1].upper() + title[1:120]
    return {"op": "create", "id": new, "title": named, **content, "depends_on": cast(list[JsonValue], rests)}


def _set(clause: Clause, talk: _Talk) -> list[JsonValue]:
    """A node that is named gets the value; one that is not known is added where it is called by a name."""
    value = _value(clause.value)
    if not clause.about:
        near = [talk.last] if talk.last else [str(node["id"]) for node in _by_age(talk.nodes)]
        if len(near) != 1:
            raise _Unclear(near)
        return [_valued(talk, near[0], value)]
    if _PRONOUN.match(clause.about):
        return [_valued(talk, talk.find(clause.about), value)]
    near = talk.near(clause.about)
    if not near and clause.may_be_new and talk.holds == "value":
        return [_created(talk, _ARTICLE.sub("", clause.about), value, Clause(act="add", about=clause.about))]
    if len(near) != 1:
        raise _Unclear(near)
    return [_valued(talk, near[0], value)]


def _valued(talk: _Talk, node: str, value: JsonValue) -> JsonValue:
    if node.startswith("new"):
        raise _Unclear([])
    talk.last = node
    if talk.holds == "text":
        text = str(value)
        return {"op": "substitute", "node": node, "title": text[:120], "text": text}
    shown = next((each for each in talk.nodes if each["id"] == node), None)
    if shown is not None and shown["was"] and _same(shown["was"][0], value):
        return {"op": "rollback", "node": node, "to": "previous"}
    return {"op": "set_value", "node": node, "value": value}


def _asked(about: str, talk: _Talk) -> list[JsonValue]:
    """The nodes a question is about: those whose titles it names in full, else the nearest."""
    said = set(words(about))
    named = [str(node["id"]) for node in talk.nodes if set(words(str(node["title"]))) <= said]
    near = named or _nearest(about, talk.nodes, least=0.3)
    if near:
        talk.last = near[-1]
        return [*near]
    if talk.nodes and not words(_ALL.sub(" ", _ASKING.sub(" ", about))):
        return []
    raise _Unclear([])


def _named_in(phrase: str, talk: _Talk) -> str:
    """The words of a phrase that name a node; the rest, such as `put … back to what it was`, does not."""
    known = {word for node in (*talk.nodes, *talk.gone) for word in _names(node)}
    return " ".join(word for word in re.findall(r"[\w'-]+", phrase) if known.intersection(words(word)))


def _each(phrase: str, talk: _Talk) -> list[str]:
    """All nodes of an enumeration."""
    parts = [part for part in _TOGETHER.split(phrase) if part.strip()]
    whole = talk.near(phrase) if len(parts) > 1 else []
    exact = [node for node in (*talk.nodes, *talk.made) if words(str(node["title"])) == words(phrase)]
    if len(whole) == 1 and exact:
        return whole
    found = [talk.find(part) for part in parts]
    talk.last = found[-1] if found and not found[-1].startswith("new") else talk.last
    return list(dict.fromkeys(found))


def _nearest(phrase: str, nodes: Sequence[Mapping[str, Any]], least: float = LEAST_COVERED) -> list[str]:
    """The nodes whose title, or else value, the phrase names best; several where they are equally near."""
    asked = set(words(phrase))
    if not asked:
        return []
    scores: dict[str, float] = {}
    for node in nodes:
        for weight, text in ((1.0, str(node["title"])), (0.9, _text(node["value"]))):
            own = set(words(text))
            shared = len(asked & own)
            if shared and (shared / len(asked) > least or own <= asked):
                score = weight * (shared / len(asked) + 0.5 * shared / len(own))
                scores[str(node["id"])] = max(score, scores.get(str(node["id"]), 0.0))
    best = max(scores.values(), default=0.0)
    return [node for node, score in scores.items() if best - score < 1e-9]


def _names(node: Mapping[str, Any]) -> list[str]:
    return [*words(str(node["title"])), *words(_text(node["value"])), *words(str(node["id"]))]


def _by_age(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(nodes, key=lambda node: -int(node["changed"]))


def _text(value: JsonValue) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _value(text: str) -> JsonValue:
    """A number where it is one, else the words."""
    bare = text.strip().strip("\"'").strip()
    if bare.lower() in _NUMBERS:
        return _NUMBERS[bare.lower()]
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+", bare):
        bare = bare.replace(",", "")
    if re.fullmatch(r"-?\d{1,15}", bare):
        return int(bare)
    if re.fullmatch(r"-?\d{1,15}\.\d{1,6}", bare):
        return float(bare)
    return re.sub(r"^(?:a|an|the)\s+", "", bare)


def _same(one: JsonValue, other: JsonValue) -> bool:
    return str(one).casefold() == str(other).casefold()
