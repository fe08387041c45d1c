"""A deployment's own judge of finished tasks, from the Python module that its settings name."""

from __future__ import annotations

import importlib
from typing import cast

from core.errors import ConfigurationError
from memory import Evaluator


def evaluator_of(module: str | None) -> Evaluator | None:
    """The module itself, which has the function. Raises `ConfigurationError` where it cannot be used."""
    if module is None:
        return None
    try:
        found = importlib.import_module(module)
        _ = found.score
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"TREEHOLD_MEMORY_EVALUATOR: {module!r} is no importable module with a function score(): {error}"
        ) from error
    return cast(Evaluator, found)
