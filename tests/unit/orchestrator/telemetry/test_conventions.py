"""The names are those of the packages that define them, at the versions the mapping names."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any, cast, get_args

from openinference.semconv import trace
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.schemas import Schemas

from orchestrator.telemetry import conventions

# The whole group moves to a repository of its own, and is marked as deprecated where it was.
values_of = cast(Any, gen_ai_attributes)


def names(prefix: str) -> set[str]:
    return {
        value
        for name, value in vars(conventions).items()
        if name.isupper() and isinstance(value, str) and value.startswith(prefix)
    }


def test_the_version_is_the_installed_one() -> None:
    assert conventions.__doc__ is not None
    pinned = re.search(r"opentelemetry-semantic-conventions (\S+),", conventions.__doc__)
    assert pinned is not None
    assert pinned[1] == version("opentelemetry-semantic-conventions")
    assert list(Schemas)[-1].value == conventions.SCHEMA_URL


def test_names_of_opentelemetry_are_current() -> None:
    there = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    assert names("gen_ai.") <= there
    assert {"gen_ai.system", "gen_ai.prompt", "gen_ai.completion"}.isdisjoint(names("gen_ai."))
    assert conventions.ERROR_TYPE == error_attributes.ERROR_TYPE


def test_operations_and_providers_are_known() -> None:
    operations = {each.value for each in values_of.GenAiOperationNameValues}
    assert set(get_args(conventions.Operation)) <= operations
    providers = {each.value for each in values_of.GenAiProviderNameValues}
    given = {
        conventions.provider(ours) for ours in ("azure", "bedrock", "gemini", "mistral", "vertex_ai", "xai")
    }
    assert given <= providers
    assert conventions.provider("openai") == "openai"
    assert conventions.provider("a node") == "a node"


def test_names_of_openinference_are_current() -> None:
    values: set[str] = set()
    for of in (trace.SpanAttributes, trace.DocumentAttributes):
        values |= {value for value in vars(of).values() if isinstance(value, str)}
    ours = {value for name, value in vars(conventions).items() if name.startswith("OI_")}
    assert ours - values == set()
    kinds = {each.value for each in trace.OpenInferenceSpanKindValues}
    assert set(get_args(conventions.Kind)) <= kinds
    assert conventions.__doc__ is not None
    assert f"OpenInference's, {version('openinference-semantic-conventions')}" in conventions.__doc__


def test_what_no_standard_names_has_our_prefix() -> None:
    known = (
        "gen_ai.",
        "treehold.",
        "llm.",
        "agent.",
        "graph.",
        "tool.",
        "session.",
        "retrieval.",
        "document.",
    )
    values = {value for name, value in vars(conventions).items() if name.isupper() and isinstance(value, str)}
    ours = values - {conventions.SCOPE, conventions.SCHEMA_URL, conventions.ERROR_TYPE}
    assert {value for value in ours if not value.startswith((*known, "openinference.", "input."))} == set()
