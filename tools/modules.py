"""Tools of a deployment's own, from Python modules that its settings name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from core.errors import ConfigurationError
from tools.ports import Tool


def tools_of(modules: Iterable[str]) -> list[Tool]:
    """What the modules' `tools()` return. Raises `ConfigurationError` where a module cannot be used."""
    return [tool for module in modules for tool in _of(module)]


def _of(module: str) -> Iterable[Tool]:
    try:
        return importlib.import_module(module).tools()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"TREEHOLD_TOOL_MODULES: {module!r} is no importable module with a function tools(): {error}"
        ) from error
