"""Filling a user's schema by rule, with nothing that does not stand in a quote or a figure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import orjson
from pydantic import JsonValue

from inference.offline import evidence, shapes, values
from inference.offline.evidence import NotFound, Picked, Quote
from inference.offline.figures import Figure, figure_for
from inference.offline.shapes import Schema
from inference.offline.values import Place

MOST_ITEMS = 8
LONGEST_TEXT = 2000
_PART = re.compile(r"\S+")
_FILE_NAMES = frozenset({"file", "path", "source", "document"})
_JOINED_NAMES = ("summary", "answer")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value of the output was read; `quote` is the id of a finding, empty for a figure."""

    path: str
    value: JsonValue
    file: str
    quote: str = ""


@dataclass(frozen=True, kw_only=True)
class Gap:
    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Filled:
    value: JsonValue


@dataclass(frozen=True, kw_only=True)
class Output:
    """`value` is null where a field that must be there was not found."""

    value: JsonValue
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...]


def fill(schema: Schema, goal: str, quotes: Sequence[Quote], figures: Sequence[Figure]) -> Output:
    """The part of the schema that the findings give; what they do not give is null or left out."""
    filler = _Filler(goal=goal, all_own=_all_own(schema), quotes=quotes, figures=figures)
    filled = filler.fill(schema, "", "")
    if filled is not None and (problem := shapes.problem(schema, filled.value)):
        filler.gaps.append(Gap(path="", why=f"rules cannot keep to this schema: {problem}"))
        filled = None
    return Output(
        value=filled.value if filled else None, sources=tuple(filler.sources), gaps=tuple(filler.gaps)
    )


@dataclass(kw_only=True)
class _Filler:
    goal: str
    all_own: frozenset[str]
    quotes: Sequence[Quote]
    figures: Sequence[Figure]
    sources: list[Source] = field(default_factory=list[Source])
    gaps: list[Gap] = field(default_factory=list[Gap])

    def fill(self, given: Schema, path: str, name: str) -> Filled | None:
        """The value of one part; None where there is none and null will not do. Gaps and sources are kept."""
        schema = shapes.joined(given)
        filled = self._chosen(schema, path, name)
        if filled is None and shapes.nullable(schema):
            return Filled(value=None)
        return filled

    def _chosen(self, schema: Schema, path: str, name: str) -> Filled | None:
        choices = cast(Sequence[Schema], schema.get("anyOf") or schema.get("oneOf") or ())
        if not choices:
            return self._value(schema, path, name)
        rest = {key: part for key, part in schema.items() if key not in {"anyOf", "oneOf"}}
        gaps: list[Gap] = []
        for choice in choices:
            if shapes.kind(choice) == "null":
                continue
            attempt = self._over(self.quotes)
            filled = attempt.fill({**rest, **choice}, path, name)
            if filled is not None and filled.value is not None:
                self._take(attempt)
                return filled
            gaps = gaps or attempt.gaps
        self.gaps += gaps
        return None

    def _value(self, schema: Schema, path: str, name: str) -> Filled | None:
        if "const" in schema:
            return Filled(value=schema["const"])
        if "enum" in schema:
            options = cast(Sequence[JsonValue], schema["enum"])
            return self._picked(schema, path, name, lambda text: values.options(options, text))
        match shapes.kind(schema):
            case "object":
                return self._object(schema, path)
            case "array":
                return self._array(schema, path, name)
            case "integer" | "number":
                return self._number(schema, path, name)
            case "boolean":
                return self._picked(schema, path, name, values.switches, needs_own=True)
            case "null":
                return Filled(value=None)
            case _:
                return self._string(schema, path, name)

    def _object(self, schema: Schema, path: str) -> Filled | None:
        required = cast(Sequence[str], schema.get("required", ()))
        found: dict[str, JsonValue] = {}
        for name, part in cast(Mapping[str, Schema], schema.get("properties", {})).items():
            filled = self.fill(part, f"{path}.{name}" if path else name, name)
            if filled is not None:
                found[name] = filled.value
        return Filled(value=found) if found.keys() >= set(required) else None

    def _array(self, schema: Schema, path: str, name: str) -> Filled | None:
        """An item for each quote that gives one, behind those that have a place of their own."""
        items: list[JsonValue] = []
        for place, part in enumerate(cast(Sequence[Schema], schema.get("prefixItems", ()))):
            filled = self.fill(part, f"{path}[{place}]", name)
            if filled is None:
                return None
            items.append(filled.value)
        each = schema.get("items")
        if isinstance(each, Mapping):
            items += self._items(cast(Schema, each), path, name)
        if schema.get("uniqueItems"):
            items = list(_different(items))
        items = items[: int(schema.get("maxItems", len(items)))]
        if len(items) < max(1, int(schema.get("minItems", 0))):
            least = int(schema.get("minItems", 0))
            self.gaps.append(Gap(path=path, why=f"{len(items)} of at least {max(1, least)} items found"))
            return None if len(items) < least else Filled(value=items)
        return Filled(value=items)

    def _items(self, each: Schema, path: str, name: str) -> Iterator[JsonValue]:
        for quote in self.quotes[:MOST_ITEMS]:
            attempt = self._over([quote])
            filled = attempt.fill(each, f"{path}[]", name)
            if filled is not None and filled.value not in (None, {}, []):
                known = {gap.path for gap in self.gaps}
                self.sources += attempt.sources
                self.gaps += [gap for gap in attempt.gaps if gap.path not in known]
                yield filled.value

    def _number(self, schema: Schema, path: str, name: str) -> Filled | None:
        said = f"{name} {shapes.description(schema)} {self.goal}"
        figure = figure_for(said, self.figures)
        if figure is not None and shapes.problem(schema, figure.number) is None:
            self.sources.append(Source(path=path, value=figure.number, file=figure.file))
            return Filled(value=figure.number)
        return self._picked(schema, path, name, values.numbers, counted=True, needs_own=True)

    def _string(self, schema: Schema, path: str, name: str) -> Filled | None:
        if "format" in schema:
            form = str(schema["format"])
            return self._picked(
                schema,
                path,
                name,
                lambda text: values.formatted(form, text),
                needs_own=form.startswith("date"),
            )
        if "pattern" in schema:
            pattern = str(schema["pattern"])
            return self._picked(schema, path, name, lambda text: _matching(pattern, text))
        found = self._text(schema, name)
        if found is None:
            self.gaps.append(Gap(path=path, why="no passage that fits has its words"))
            return None
        self.sources.append(Source(path=path, value=found.value, file=found.quote.file, quote=found.quote.id))
        return Filled(value=found.value)

    def _text(self, schema: Schema, name: str) -> Picked | None:
        """What a line names so; else a file's name, or quotes that have the field's words."""
        if not self.quotes:
            return None
        if name.lower() in _FILE_NAMES:
            return Picked(value=self.quotes[0].file, quote=self.quotes[0])
        own = evidence.text_words(name, shapes.description(schema))
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", LONGEST_TEXT))
        said = [*evidence.labels(name, self.quotes), *self._quoted(name, own)]
        return next((text for text in said if text.value and least <= len(str(text.value)) <= most), None)

    def _quoted(self, name: str, own: frozenset[str]) -> Iterator[Picked]:
        """Single quotes, and behind them several joined where one is too short."""
        near = [quote for quote in self.quotes if evidence.speaks_of(own, quote)]
        joined = [
            " ".join(_one_line(quote.text) for quote in near[:count]) for count in range(1, len(near) + 1)
        ]
        if any(part in name.lower() for part in _JOINED_NAMES):
            yield from (Picked(value=text, quote=near[0]) for text in joined[2:3] or joined[-1:])
        yield from (Picked(value=_one_line(quote.text), quote=quote) for quote in near)
        yield from (Picked(value=text, quote=near[0]) for text in joined[1:])

    def _picked(
        self,
        schema: Schema,
        path: str,
        name: str,
        read: evidence.Read,
        *,
        counted: bool = False,
        needs_own: bool = False,
    ) -> Filled | None:
        own = evidence.own_words(name, shapes.description(schema), of_number=counted)
        found = evidence.pick(
            evidence.asked(self.goal, own, self.all_own),
            self.quotes,
            read,
            kind=shapes.kind_in_words(schema),
            fits=lambda value: shapes.problem(schema, value) is None,
            counted=counted,
            needs_own=needs_own,
        )
        match found:
            case NotFound():
                self.gaps.append(Gap(path=path, why=found.why))
                return None
            case Picked():
                quote = found.quote
                self.sources.append(Source(path=path, value=found.value, file=quote.file, quote=quote.id))
                return Filled(value=found.value)

    def _over(self, quotes: Sequence[Quote]) -> _Filler:
        figures = self.figures if quotes is self.quotes else ()
        return _Filler(goal=self.goal, all_own=self.all_own, quotes=quotes, figures=figures)

    def _take(self, attempt: _Filler) -> None:
        self.sources += attempt.sources
        self.gaps += attempt.gaps


def _all_own(schema: Schema) -> frozenset[str]:
    """The words of all fields: what one field asks for says nothing of what the goal asks of the others."""
    found: set[str] = set()
    waiting: list[tuple[str, Schema]] = [("", schema)]
    while waiting:
        name, given = waiting.pop()
        part = shapes.joined(given)
        found |= evidence.own_words(name, shapes.description(part), of_number=True)
        waiting += cast(Mapping[str, Schema], part.get("properties", {})).items()
        each = part.get("items")
        nested = [cast(Schema, each)] if isinstance(each, Mapping) else []
        for word in ("anyOf", "oneOf", "prefixItems"):
            nested += cast(Sequence[Schema], part.get(word, ()))
        waiting += [("", one) for one in nested]
    return frozenset(found)


def _matching(pattern: str, text: str) -> list[Place]:
    """The whole text, or words of it, that the pattern takes."""
    whole = [Place(value=_one_line(text), start=0, end=len(text))]
    parts = [
        Place(value=word, start=match.start(), end=match.start() + len(word))
        for match in _PART.finditer(text)
        if (word := match[0].strip(".,;:()\"'"))
    ]
    wanted: Schema = {"pattern": pattern}
    return [place for place in (*whole, *parts) if shapes.problem(wanted, place.value) is None]


def _different(items: Sequence[JsonValue]) -> Iterator[JsonValue]:
    seen: set[bytes] = set()
    for item in items:
        key = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        if key not in seen:
            seen.add(key)
            yield item


def _one_line(text: str) -> str:
    return " ".join(text.split())
