"""Values that stand in a text: numbers, dates, addresses, options and switches, with their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from pydantic import JsonValue

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = r"\b(?P<month>" + "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + r")\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_WRITTEN_DATES = (
    re.compile(rf"\b{_DAY} (?:of )?{_MONTH},? (?P<year>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} {_DAY},? (?P<year>\d{{4}})\b", re.IGNORECASE),
)
_ISO_DATE = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}(?![\w-])")
_DATE_TIME = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})(?!\w)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URI = re.compile(r"(?<!\w)[a-z][a-z0-9+.-]*://[^\s<>\"'`|\\^{}()\[\]]+", re.IGNORECASE)
_UUID = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![\w.,:/-])(?P<number>[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?)(?!\w|[.,:/-]\d)"
)
_LARGER = re.compile(r"\s*(?:hundred|thousand|million|billion|trillion|dozen|bn)\b", re.IGNORECASE)
_LIST_MARK = re.compile(r"\s*\d+[.)]\s")
_SWITCH = re.compile(r"(?<=[:=])\s*[\"'`]?(?P<word>true|yes|on|false|no|off)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A value, and the characters it was read from."""

    value: JsonValue
    start: int
    end: int


def numbers(text: str) -> Iterator[Place]:
    """Numbers in digits; not those inside dates, times, versions and names, nor counts of thousands."""
    marked = _LIST_MARK.match(text)
    for found in _NUMBER.finditer(text):
        if (marked and found.start() < marked.end()) or _LARGER.match(text, found.end()):
            continue
        digits = found["number"].replace(",", "")
        number = float(digits) if "." in digits else int(digits)
        yield Place(value=number, start=found.start("number"), end=found.end("number"))


def options(wanted: Sequence[JsonValue], text: str) -> list[Place]:
    """The options that stand in the text as they are written; not inside a longer one that does."""
    found: list[Place] = []
    for option in wanted:
        if isinstance(option, bool) or not isinstance(option, str | int | float):
            continue
        if isinstance(option, int | float):
            found += [place for place in numbers(text) if place.value == option]
        elif option.strip():
            whole = re.compile(rf"(?<![\w-]){re.escape(option)}(?![\w-])", re.IGNORECASE)
            found += [
                Place(value=option, start=match.start(), end=match.end()) for match in whole.finditer(text)
            ]
    return [place for place in found if not any(_inside(place, other) for other in found)]


def switches(text: str) -> Iterator[Place]:
    """Truth values as settings write them: behind a colon or an equals sign."""
    for found in _SWITCH.finditer(text):
        on = found["word"].lower() in {"true", "yes", "on"}
        yield Place(value=on, start=found.start("word"), end=found.end("word"))


def formatted(name: str, text: str) -> list[Place]:
    """Strings of a JSON Schema format; none of a format that is not known here."""
    return list(_FORMATS[name](text)) if name in _FORMATS else []


def _inside(place: Place, other: Place) -> bool:
    shorter = place.end - place.start < other.end - other.start
    return shorter and other.start <= place.start and place.end <= other.end


def _dates(text: str) -> Iterator[Place]:
    yield from _matching(_ISO_DATE, lambda said: date.fromisoformat(said).isoformat(), text)
    for pattern in _WRITTEN_DATES:
        for found in pattern.finditer(text):
            month = next(n for n, name in enumerate(_MONTHS, 1) if name[:3] == found["month"][:3].lower())
            try:
                day = date(int(found["year"]), month, int(found["day"]))
            except ValueError:
                continue
            yield Place(value=day.isoformat(), start=found.start(), end=found.end())


def _uris(text: str) -> Iterator[Place]:
    for found in _URI.finditer(text):
        said = found[0].rstrip(".,;:!?*_")
        yield Place(value=said, start=found.start(), end=found.start() + len(said))


def _checked_time(said: str) -> str:
    datetime.fromisoformat(said.replace("Z", "+00:00"))
    return said


def _checked_uuid(said: str) -> str:
    UUID(said)
    return said


def _matching(pattern: re.Pattern[str], read: Callable[[str], str], text: str) -> Iterator[Place]:
    for found in pattern.finditer(text):
        try:
            value = read(found[0])
        except ValueError:
            continue
        yield Place(value=value, start=found.start(), end=found.end())


_FORMATS: Mapping[str, Callable[[str], Iterator[Place]]] = {
    "date": _dates,
    "date-time": lambda text: _matching(_DATE_TIME, _checked_time, text),
    "email": lambda text: _matching(_EMAIL, str, text),
    "uri": _uris,
    "url": _uris,
    "uuid": lambda text: _matching(_UUID, _checked_uuid, text),
}
