"""Small schemas of every keyword, and small values that some of them fit."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "ab"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, 0.3])
    | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
_LEAVES: list[st.SearchStrategy[dict[str, Any]]] = [
    st.fixed_dictionaries(
        {"type": st.sampled_from(["null", "boolean", "object", "array", "number", "string"])}
    ),
    st.fixed_dictionaries({"type": st.just(["integer", "null", "string"])}),
    st.fixed_dictionaries({"enum": st.lists(VALUES, max_size=3)}),
    st.fixed_dictionaries({"const": VALUES}),
    st.fixed_dictionaries({"multipleOf": st.sampled_from([1, 2, 0.5])}),
    st.fixed_dictionaries({"maximum": st.integers(-2, 2), "exclusiveMinimum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"minimum": st.integers(-2, 2), "exclusiveMaximum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"minLength": st.integers(0, 2), "maxLength": st.integers(0, 2)}),
    st.fixed_dictionaries({"pattern": st.sampled_from(["^a", "b$", "^(a|b)+$", "a{2}", "[^a]"])}),
    st.fixed_dictionaries({"minItems": st.integers(0, 2), "maxItems": st.integers(0, 2)}),
    st.fixed_dictionaries({"uniqueItems": st.booleans()}),
    st.fixed_dictionaries({"minProperties": st.integers(0, 2), "maxProperties": st.integers(0, 2)}),
    st.fixed_dictionaries({"required": st.lists(NAMES, unique=True, max_size=2)}),
    st.fixed_dictionaries(
        {"dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, unique=True), max_size=2)}
    ),
]


def _joined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    by_pattern = st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=2)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(["allOf", "anyOf", "oneOf", "prefixItems"], several),
        **dict.fromkeys(["not", "if", "then", "else", "items", "contains", "propertyNames"], inner),
        **dict.fromkeys(["additionalProperties", "unevaluatedItems", "unevaluatedProperties"], inner),
        **dict.fromkeys(["properties", "dependentSchemas"], named),
        "patternProperties": by_pattern,
        "minContains": st.integers(0, 2),
        "maxContains": st.integers(0, 2),
    }
    return st.fixed_dictionaries({}, optional=keywords)


SCHEMAS = st.recursive(st.booleans() | st.one_of(_LEAVES), _joined, max_leaves=8)
