"""The broker, the one way to a tool: it checks first (capabilities, taint), then runs within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from core.errors import InvalidInput, ToolError, ToolFailed, ToolInputInvalid, ToolTimedOut
from core.grant import Capabilities
from core.strict_json import NotStrictJson, decode
from core.text import clipped, printable
from tools.addresses import plain_url
from tools.beneath import PathRefused, normalised
from tools.contract import Sink, ToolContext, ToolResult, ToolSpec
from tools.ports import Tool
from tools.registry import ToolRegistry, allows
from tools.taint import Denied, TaintCheck

MAX_ARGUMENT_CHARACTERS = 1_000_000
_CUT = "\n(cut here: ask for less at once)"
_LISTED: frozenset[Sink] = frozenset({"path", "url"})
"""Sinks that have an allow-list, which no approval overrides."""


@dataclass(frozen=True, kw_only=True)
class PreparedCall:
    """A call that passed every check and may run under the capabilities it was checked against."""

    tool: Tool
    arguments: BaseModel
    capabilities: Capabilities

    @property
    def spec(self) -> ToolSpec:
        return self.tool.spec


class ToolBroker:
    def __init__(self, registry: ToolRegistry) -> None:
        self._registry = registry

    @property
    def registry(self) -> ToolRegistry:
        return self._registry

    def prepare(
        self,
        name: str,
        raw_arguments: str | Mapping[str, JsonValue],
        capabilities: Capabilities,
        taint: TaintCheck,
    ) -> PreparedCall:
        """Check a call without running it.

        Raises:
            ToolDenied: the grant or the taint rules forbid it.
            ToolInputInvalid: no such tool, or arguments that do not fit; says how to fix the call.
        """
        granted = [spec.name for spec in self._registry.specs_for(capabilities)]
        if name not in self._registry.names:
            raise ToolInputInvalid(
                f"there is no tool {clipped(printable(name), 64)!r}; your tools are: {_list(granted)}"
            )
        tool = self._registry.get(name)
        if not allows(capabilities, name, tool.spec):
            raise Denied("tool_not_granted", f"you may not use {name}; your tools are: {_list(granted)}")
        arguments = _validated(tool.spec, _parsed(raw_arguments, tool.spec))
        for argument, sink in tool.spec.sinks.items():
            for value in _values(getattr(arguments, argument, None)):
                _check_sink(argument, sink, value, capabilities, taint)
        return PreparedCall(tool=tool, arguments=arguments, capabilities=capabilities)

    def foreign(self, prepared: PreparedCall, taint: TaintCheck) -> tuple[str, ...]:
        """The arguments for sensitive sinks whose values are neither listed nor the user's own words."""
        return tuple(
            argument
            for argument, sink in prepared.spec.sinks.items()
            if sink not in _LISTED
            and any(
                isinstance(value, str | int | float) and not taint.wrote(value)
                for value in _values(getattr(prepared.arguments, argument, None))
            )
        )

    async def run(self, prepared: PreparedCall, context: ToolContext) -> ToolResult:
        """Run a prepared call.

        Raises:
            ToolError: whatever went wrong, in words the calling agent may read.
        """
        workspace = context.workspace
        context = replace(
            context,
            capabilities=prepared.capabilities,
            workspace=workspace and workspace.narrowed(prepared.capabilities),
        )
        root = workspace.root if workspace else None
        try:
            async with asyncio.timeout(prepared.spec.seconds):
                result = await prepared.tool.run(prepared.arguments, context)
        except TimeoutError as error:
            seconds = f"{prepared.spec.seconds:g}"
            raise ToolTimedOut(f"{prepared.spec.name} took longer than {seconds} seconds") from error
        except ToolError as error:
            error.message = _without(root, error.message)
            error.args = (error.message,)
            raise
        except InvalidInput as error:
            raise ToolFailed(_without(root, error.message)) from error
        except Exception as error:
            raise ToolFailed(f"{prepared.spec.name} failed unexpectedly ({type(error).__name__})") from error
        return _bounded(result, context.limits.characters)


def _parsed(raw: str | Mapping[str, JsonValue], spec: ToolSpec) -> dict[str, Any]:
    if not isinstance(raw, str):
        return dict(raw)
    if len(raw) > MAX_ARGUMENT_CHARACTERS:
        raise ToolInputInvalid("the arguments are too long")
    try:
        value = decode(raw or "{}")
    except NotStrictJson as error:
        raise ToolInputInvalid(
            f"the arguments are not valid JSON; send one object such as {_example(spec)}"
        ) from error
    if not isinstance(value, dict):
        raise ToolInputInvalid(f"the arguments must be one JSON object such as {_example(spec)}")
    return cast(dict[str, Any], value)


def _validated(spec: ToolSpec, raw: dict[str, Any]) -> BaseModel:
    try:
        # By way of JSON, so that strict models take what JSON can say: lists for tuples, 2 for 2.0.
        return spec.arguments.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        known = ", ".join(spec.arguments.model_fields)
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:5]
        )
        message = clipped(printable(faults), 600)
        raise ToolInputInvalid(f"{spec.name}: {message}. Its arguments are: {known}") from error


def _check_sink(
    argument: str, sink: Sink, value: object, capabilities: Capabilities, taint: TaintCheck
) -> None:
    if not isinstance(value, str | int | float):
        return
    if sink == "path":
        _check_path(str(value), capabilities)
        return
    if sink == "url":
        _check_host(str(value), capabilities)
        return
    if not taint.approved and not taint.wrote(value):
        raise Denied(
            "tainted_argument",
            f"the value of {argument} ({sink}) is not in the user's own words; only such a value may be used",
        )


def _check_path(path: str, capabilities: Capabilities) -> None:
    """A path within the allowed ones is on an allow-list; whether it exists, the workspace finds out."""
    try:
        plain = normalised(path)
    except PathRefused as refused:
        raise Denied("path_not_granted", str(refused)) from refused
    holds_allowed = plain == "." or any(allowed.startswith(plain + "/") for allowed in capabilities.paths)
    if not (capabilities.allows_path(plain) or holds_allowed):
        raise Denied("path_not_granted", f"you were only given: {_list(sorted(capabilities.paths)[:20])}")


def _check_host(url: str, capabilities: Capabilities) -> None:
    if not plain_url(url).names & capabilities.hosts:
        raise Denied("host_not_granted", f"you may only reach: {_list(sorted(capabilities.hosts))}")


def _values(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        for part in cast(Mapping[object, object], value).values():
            yield from _values(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in cast(Iterable[object], value):
            yield from _values(part)
    elif isinstance(value, BaseModel):
        yield from _values(value.model_dump())
    else:
        yield value


def _bounded(result: ToolResult, limit: int) -> ToolResult:
    if len(result.content) <= limit:
        return result
    return replace(result, content=result.content[: max(0, limit - len(_CUT))] + _CUT)


def _without(root: str | None, message: str) -> str:
    return message if not root or root == "/" else message.replace(root, "the workspace")


def _example(spec: ToolSpec) -> str:
    required = [name for name, info in spec.arguments.model_fields.items() if info.is_required()]
    return json.dumps(dict.fromkeys(required, "…"), ensure_ascii=False)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
