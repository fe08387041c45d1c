"""Clauses of English that change or ask: what is done, to what, to which value. Grammar, no subjects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Act = Literal["add", "set", "make", "replace", "undo", "back", "original", "retire", "link", "query"]


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One thing that was said.

    Attributes:
        may_be_new: whether it may name a thing that was not spoken of before.
        act: `make` is `set` whose `about` ends in the value; `undo` takes a change back, `back` a value.
        about: the words for what it is about; empty where nothing is named.
        value: what it becomes, or what an added thing is.
        old: what it was, where that is said.
        rests: the words for what it depends on.
        whole: of an addition, all that is said of the thing itself.
    """

    act: Act
    about: str = ""
    value: str = ""
    old: str = ""
    rests: str = ""
    may_be_new: bool = False
    whole: str = ""


_POLITE = re.compile(
    r"^(?:(?:please|ok(?:ay)?|well|actually|hmm+|oh|sorry|right|alright|so|now|then|and|but|also|no|"
    r"wait|yes|great|"
    r"fine|thanks|first|next|finally|could you|can you|would you|will you|i(?:'d| would) like (?:you )?to|"
    r"i(?:'d| would) rather|i want (?:you )?to|i think we should|we should|we could|let'?s|let us|you can|"
    r"on second thought|come to think of it)\b[\s,:\u2013-]*)+",
    re.I,
)
_TAIL = re.compile(r"(?:[\s,]+(?:please|thanks|thank you|then|for now|after all|now|if you can))+$", re.I)
_ORIGINAL = re.compile(
    r"\b(?:as\s+)?(?:original(?:ly)?|at (?:the )?(?:first|start|beginning|outset)|initial(?:ly)?|"
    r"in the beginning|"
    r"to begin with|(?:first|started) (?:choice|idea|version|plan|one|value|with|said|had))\b",
    re.I,
)
_RETURN = re.compile(
    r"\b(?:back|restore|return|reset|revert|undo|again|was|were|had|as|go with|use|keep|take|want)\b", re.I
)
_THAT = (
    r"(?:that|it|this|those|"
    r"(?:the|my) (?:last|latest|previous) (?:change|one|step|thing|edit|update|request))"
)
_UNDO = re.compile(
    rf"^(?:(?:undo|revert|take back|roll back|scratch|cancel|forget|never ?mind)(?: {_THAT})?|"
    rf"take {_THAT} back|"
    rf"(?:roll|put|turn) {_THAT} back|go back(?: (?:one|a) step)?)(?:(?: (?:on|for|of|to|about|"
    rf"with))+ (?P<about>.+))?$",
    re.I,
)
_BACK = re.compile(
    r"^(?:(?:undo|revert|reverse|roll back|take back)(?: the (?:last )?change)?(?: (?:to|of|on|in|"
    r"for))? (?P<a>.+?)|"
    r"(?:restore|reset|reinstate|bring back) (?P<b>.+?)(?: to (?:what|how|the way|where) (?:it|"
    r"they) (?:was|were).*|"
    r" to (?:its|the) previous .+)?|"
    r"(?:put|set|change|switch|turn|bring|roll|move|take) (?P<c>.+?) back"
    r"(?: (?:in|to (?:what|how|the way|where) (?:it|they) (?:was|were).*|to (?:its|the) previous .+|"
    r"as (?:it|they) "
    r"(?:was|were).*|on|onto .+|into .+))?|"
    r"(?:go|switch|get|return) back to (?:the )?(?:previous|old|earlier|last|former) (?P<d>.+?)|"
    r"return (?P<e>.+?) to (?:its|the) previous .+)$",
    re.I,
)
_LINK = re.compile(
    r"^(?P<about>.+?) (?:should |must |now |also |really )*(?:depends?|rests?|rel(?:y|ies)|hinges?|"
    r"(?:is |are )?based|"
    r"builds?|(?:is |are )?dependent)(?: on| upon) (?P<rests>.+)$|"
    r"^(?P<b>.+?) (?:must |should |has to |have to )?(?:waits? for|comes? after) (?P<c>.+)$",
    re.I,
)
_RETIRE = re.compile(
    r"^(?:(?:drop|remove|delete|cancel|skip|scrap|omit|ditch|discard|eliminate|exclude|"
    r"forget(?: about)?|leave out|"
    r"take (?:out|off)|cross (?:out|off)|strike(?: out| off)?|get rid of|do away with|lose|kill) (?P<a>.+?)|"
    r"(?:leave|take|cross|strike) (?P<b>.+?) (?:out|off|away)|"
    r"(?:i|we) (?:do not|don'?t|no longer|won'?t|will not) (?:need|want|require|care about) (?P<c>.+?)|"
    r"no(?: more)? (?P<d>.+?) (?:after all|any ?more|any longer|this time)|(?:do|go) without (?P<e>.+?))"
    r"(?: (?:any ?more|any longer|after all|altogether|entirely|completely))?"
    r"(?: (?:from|off|out of) (?:the|my|our|this) (?:list|plan|cart|order|basket|agenda|recipe|trip|schedule|"
    r"itinerary|tree))?$",
    re.I,
)
_CHANGE = re.compile(
    r"^(?:change|set|switch|update|move|make|turn|correct|adjust|bump|raise|lower|increase|decrease|"
    r"reduce|extend|"
    r"shift|push|modify|alter|convert|fix|put|bring|cut|shorten)(?: up| down| back)? (?P<about>.+?)"
    r"(?: from (?P<old>.+?))? (?:to|into|=|as|down to|up to) (?P<value>.+)$",
    re.I,
)
_REPLACE = re.compile(
    r"^(?:replace|substitute|swap|exchange|trade)(?: out)? (?P<about>.+?) (?:with|by|for|"
    r"against) (?P<value>.+)$",
    re.I,
)
_SHOULD = re.compile(
    r"^(?P<about>.+?) (?:should|must|shall|has to|have to|needs? to|ought to|will|would|is going to|is to)"
    r"(?: now| rather| then| really| actually| instead)* (?:be|become|read|say|go to) (?P<value>.+)$|"
    r"^(?P<b>.+?) (?:is|are) (?:now|actually|really|rather|instead|in fact) (?P<v>.+)$|"
    r"^(?P<c>.+?) (?:has |have )?(?:changed|moved|shifted|switched|went(?: up|"
    r" down)?)(?: from (?P<old>.+?))? to (?P<w>.+)$",
    re.I,
)
_TAKE = (
    r"(?:use|take|choose|pick|go (?:with|for)|prefer|have|try|book|order|get|buy|do|make it|want|"
    r"say|it'?s|pick out)"
)
_FOR = re.compile(
    rf"^(?:for|as(?: for| to)?|regarding|concerning|about) (?P<about>[^,]+?),? (?:{_TAKE} )(?P<value>.+)$|"
    rf"^{_TAKE} (?P<v>.+?)(?: now| instead)? (?:for|as) (?P<b>(?:the|my|our|its) .+)$",
    re.I,
)
_INSTEAD = re.compile(
    rf"^(?:{_TAKE} )?(?P<value>.+?),? (?:instead of|rather than|in place of|in lieu of|not) (?P<old>.+)$|"
    rf"^not (?P<o>.+?),? but (?:rather )?(?P<v>.+)$",
    re.I,
)
_BARE = re.compile(
    rf"^(?:(?:{_TAKE}|make (?:it|that)|let it be|it should be) )?(?P<value>.+?) instead$", re.I
)
_IT = re.compile(r"^(?:make|set|change|turn) (?P<about>it|that|this)(?: to)? (?P<value>.+)$", re.I)
_MAKE = re.compile(r"^(?:make|set|have) (?P<about>(?:the|my|our|its) .+ .+)$", re.I)
_ADD = re.compile(
    r"^(?:add|include|insert|append|put in|throw in|note(?: down)?|register|create|plan(?: for| in)?|"
    r"schedule|"
    r"(?:i|we)(?:'ll| will)?(?: also)? (?:need|want|have|must have)|there (?:is|are)(?: also)?|plus|"
    r"let there be|"
    r"put|also) (?:also |in |another |one more |a new )?(?P<about>.+?)"
    r"(?: (?:to|on|onto|into|in) (?:the|my|our|this) (?:list|plan|cart|order|basket|agenda|recipe|trip|"
    r"schedule|"
    r"itinerary|tree))?$",
    re.I,
)
_DEPENDS = re.compile(
    r"[,;]?\s+(?:which |that |and it |it )?(?:should )?(?:depends?|depending|based|rests?|resting|"
    r"relies|relying|"
    r"builds|building) (?:up)?on (?P<rests>.+)$",
    re.I,
)
_COLON = re.compile(r"^(?P<title>.+?)\s*(?::|=|->)\s*(?P<value>.+)$")
_HAS_VALUE = re.compile(
    r"^(?P<title>.+?)\s*(?::|=|->|,? (?:is|are|being|called|named|of|at|set to|to be|as|"
    r"will be)(?= ))\s*(?P<value>.+)$",
    re.I,
)
_STATES = re.compile(r"^(?P<about>[^:=]+?)\s*(?::|=|(?: is| are)(?= ))\s*(?P<value>.+)$", re.I)
_ASKS = re.compile(
    r"^(?:what|which|when|where|who|whom|whose|how|why|do|does|did|is|are|was|were|has|"
    r"have (?:we|you|i|they)|tell me|show|remind me|list|give me|read (?:me|back)|summari[sz]e|recap)\b",
    re.I,
)
_BREAKS = re.compile(
    r"\s*(?:;|(?<=[a-z0-9\"')])[.!?](?=\s+\S)|,?\s+and then\b|,?\s+then\b|,?\s+and also\b|,\s+and\b|"
    r",?\s+but\b|"
    r",?\s+and\b|,\s+(?=\w+ ))\s*",
    re.I,
)
_ELLIPSIS = re.compile(r"^(?P<about>(?:the|my|our|its) .+?) (?:to|into) (?P<value>.+)$", re.I)


def clauses(utterance: str) -> list[Clause]:
    """What an utterance says, clause by clause; empty where its grammar is not known here."""
    text = " ".join(utterance.replace("\u2019", "'").split())
    return _parsed(text) or []


def _parsed(text: str) -> list[Clause] | None:
    """The clauses of a text; a sentence is broken only where both parts are clauses of their own."""
    for left, right in _broken(text):
        first = _clause(left)
        if first is None:
            continue
        rest = _parsed(right) or _elliptic(first, right)
        if rest is not None and not _one_object(first, rest):
            return [first, *rest]
    whole = _clause(text)
    return None if whole is None else [whole]


def _broken(text: str) -> Iterator[tuple[str, str]]:
    for found in _BREAKS.finditer(text):
        left, right = text[: found.start()].strip(), text[found.end() :].strip()
        if left and right:
            asked = "?" if text[found.start() : found.end()].strip() == "?" else ""
            yield left + asked, right


def _elliptic(first: Clause, right: str) -> list[Clause] | None:
    """`… and the date to Friday`: the verb is that of the clause before."""
    found = _ELLIPSIS.match(_bare(right)) if first.act == "set" else None
    return None if found is None else [Clause(act="set", about=found["about"], value=found["value"])]


def _one_object(first: Clause, rest: list[Clause]) -> bool:
    """Whether what looks like another clause is a part of a value, such as `bread and butter: soft`."""
    return first.act == "add" and not first.value and rest[0].act == "set" and not rest[0].about


def _bare(text: str) -> str:
    text = _POLITE.sub("", text.strip().strip("\"'").rstrip(".!").strip())
    return _TAIL.sub("", text).strip(" ,")


def _clause(text: str) -> Clause | None:
    asks = text.rstrip().endswith("?")
    bare = _bare(text.rstrip("? "))
    if not bare:
        return None
    if not asks and re.match(r"^(?:also|and also|no)\b", text.strip(), re.I):
        said = re.sub(r"^(?:and )?", "", text.strip().rstrip(".!"), flags=re.I)
        if (kept := _retired(said) or _changed(bare)) is not None:
            return kept
        if re.match(r"^also\b", said, re.I):
            return _added(bare if _ADD.match(bare) else f"add {bare}")
    if asks or _ASKS.match(bare):
        changed = None if _ASKS.match(bare) else _changed(bare) or _added(bare)
        return changed or Clause(act="query", about=bare)
    return _changed(bare) or _added(bare) or _stated(bare)


def _changed(bare: str) -> Clause | None:
    return _undone(bare) or _linked(bare) or _retired(bare) or _set(bare)


def _undone(bare: str) -> Clause | None:
    if _ORIGINAL.search(bare) and _RETURN.search(bare):
        return Clause(act="original", about=_ORIGINAL.sub(" ", bare))
    if (found := _UNDO.match(bare)) is not None:
        return Clause(act="undo", about=found["about"] or "")
    if (found := _BACK.match(bare)) is not None:
        return Clause(act="back", about=next(each for each in found.groups() if each))
    return None


def _linked(bare: str) -> Clause | None:
    if (found := _LINK.match(bare)) is None or _ADD.match(bare):
        return None
    return Clause(act="link", about=found["about"] or found["b"], rests=found["rests"] or found["c"])


def _retired(bare: str) -> Clause | None:
    found = _RETIRE.match(bare)
    return (
        None if found is None else Clause(act="retire", about=next(each for each in found.groups() if each))
    )


def _set(bare: str) -> Clause | None:
    if (found := _INSTEAD.match(bare)) is not None:
        value, old = found["value"] or found["v"], found["old"] or found["o"]
        return Clause(act="replace", about=old, value=value, old=old)
    if (found := _REPLACE.match(bare)) is not None:
        return Clause(act="replace", about=found["about"], value=found["value"])
    if (found := _FOR.match(bare)) is not None:
        return Clause(act="set", about=found["about"] or found["b"], value=found["value"] or found["v"])
    if (found := _BARE.match(bare)) is not None:
        return _set(re.sub(r",? instead$", "", bare, flags=re.I)) or Clause(act="set", value=found["value"])
    if (found := _CHANGE.match(bare)) is not None:
        may_be_new = bare.lower().startswith(("set ", "put ", "fix ")) and not found["old"]
        return Clause(
            act="set",
            about=found["about"],
            value=found["value"],
            old=found["old"] or "",
            may_be_new=may_be_new,
        )
    if (found := _IT.match(bare)) is not None:
        return Clause(act="set", about=found["about"], value=found["value"])
    if (found := _SHOULD.match(bare)) is not None:
        about = found["about"] or found["b"] or found["c"]
        return Clause(act="set", about=about, value=found["value"] or found["v"] or found["w"])
    if (found := _MAKE.match(bare)) is not None:
        return Clause(act="make", about=found["about"])
    return None


def _added(bare: str) -> Clause | None:
    if (found := _ADD.match(bare)) is None:
        return None
    about, rests = found["about"], ""
    if (depends := _DEPENDS.search(about)) is not None:
        about, rests = about[: depends.start()], depends["rests"]
    valued = _COLON.match(about) or _HAS_VALUE.match(about)
    if valued is None:
        return Clause(act="add", about=about, rests=rests, whole=about)
    return Clause(act="add", about=valued["title"], value=valued["value"], rests=rests, whole=about)


def _stated(bare: str) -> Clause | None:
    """`The budget is 500`, `budget: 500`."""
    found = _STATES.match(bare)
    if found is None:
        return None
    return Clause(act="set", about=found["about"], value=found["value"], may_be_new=True)
