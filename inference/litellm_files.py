"""Facts LiteLLM publishes in files of its package, read without importing it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import orjson

_PRICES = "model_prices_and_context_window_backup.json"
_PROVIDERS = "provider_endpoints_support_backup.json"


def published_entry(model: str) -> dict[str, object] | None:
    """The entry for `provider/name` or a bare name in the price list, 3 MB read in full each time."""
    listed = _read(_PRICES)
    entry = listed.get(model) or listed.get(model.partition("/")[2])
    return cast("dict[str, object] | None", entry)


@cache
def provider_names() -> frozenset[str]:
    """The prefixes LiteLLM takes for providers in `provider/name`."""
    return frozenset(cast("dict[str, object]", _read(_PROVIDERS).get("providers", {})))


def names_provider(model: str) -> bool:
    """Whether the name starts with a provider; `meta-llama/Llama-3.1-8B` only looks like it."""
    prefix, slash, _ = model.partition("/")
    return bool(slash) and prefix in provider_names()


def _read(name: str) -> dict[str, object]:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).parent / name
    return cast("dict[str, object]", orjson.loads(path.read_bytes())) if path.is_file() else {}
