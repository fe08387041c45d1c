"""The tools there are."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import ConfigurationError, ToolInputInvalid
from core.grant import Capabilities
from tools.contract import ToolSpec
from tools.ports import Tool
from tools.sinks import check_declared


class ToolRegistry:
    def __init__(self, tools: Iterable[Tool]) -> None:
        """Raises `ConfigurationError` when two tools share a name, or a declared sink guards nothing."""
        self._tools: dict[str, Tool] = {}
        for tool in sorted(tools, key=lambda tool: tool.spec.name):
            if tool.spec.name in self._tools:
                raise ConfigurationError(f"two tools are called {tool.spec.name}")
            check_declared(tool.spec)
            self._tools[tool.spec.name] = tool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def get(self, name: str) -> Tool:
        """Raises `ToolInputInvalid` when there is no such tool."""
        tool = self._tools.get(name)
        if tool is None:
            raise ToolInputInvalid("there is no tool of that name")
        return tool

    def specs_for(self, capabilities: Capabilities) -> list[ToolSpec]:
        """The tools these capabilities allow, sorted by name, so that prompts share their beginning."""
        return [tool.spec for name, tool in self._tools.items() if allows(capabilities, name, tool.spec)]


def allows(capabilities: Capabilities, name: str, spec: ToolSpec) -> bool:
    return name in capabilities.tools and (bool(capabilities.hosts) or not spec.external)
