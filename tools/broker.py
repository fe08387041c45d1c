"""The broker, the one way to a tool: it checks first (capabilities, taint), then runs within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from core.errors import InvalidInput, ToolError, ToolFailed, ToolInputInvalid, ToolTimedOut
from core.grant import Capabilities
from core.strict_json import NotStrictJson, decode
from core.text import clipped, printable
from tools.addresses import plain_url
from tools.beneath import PathRefused, normalised
from tools.contract import ToolContext, ToolResult, ToolSpec
from tools.ports import Tool
from tools.registry import ToolRegistry, allows
from tools.sinks import SinkValue, sink_values
from tools.taint import Denied, TaintCheck

MAX_ARGUMENT_CHARACTERS = 1_000_000
_CUT = "\n(cut here: ask for less at once)"


@dataclass(frozen=True, kw_only=True)
class PreparedCall:
    """A call that passed every check and may run under the capabilities it was checked against."""

    tool: Tool
    arguments: BaseModel
    capabilities: Capabilities

    @property
    def spec(self) -> ToolSpec:
        return self.tool.spec

    @cached_property
    def going(self) -> Sequence[SinkValue]:
        """What of it goes to sinks."""
        return sink_values(self.spec, self.arguments)


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
        prepared = PreparedCall(tool=tool, arguments=arguments, capabilities=capabilities)
        for going in prepared.going:
            _check_sink(going, tool.spec, capabilities, taint)
        return prepared

    def foreign(self, prepared: PreparedCall, taint: TaintCheck) -> tuple[SinkValue, ...]:
        """What goes to sinks and is neither granted, allowed nor the user's own words."""
        return tuple(
            going
            for going in prepared.going
            if not _granted(going, prepared.spec, prepared.capabilities)
            and taint.source(going.sink, going.value) is None
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


def _check_sink(going: SinkValue, spec: ToolSpec, capabilities: Capabilities, taint: TaintCheck) -> None:
    if going.sink == "path":
        _check_path(str(going.value), capabilities)
    elif going.sink == "url" and spec.external:
        _check_host(str(going.value), capabilities)
    elif _granted(going, spec, capabilities) or taint.approved:
        return
    elif taint.source(going.sink, going.value) is None:
        raise Denied(
            "tainted_argument",
            f"the value of {going.argument} ({going.sink}) is not in the user's own words; only such a value "
            "may be used",
        )


def _granted(going: SinkValue, spec: ToolSpec, capabilities: Capabilities) -> bool:
    """Whether the grant has a list for such values, and has this one on it; no approval makes it longer."""
    if going.sink == "path" or (going.sink == "url" and spec.external):
        return True  # `prepare` refuses what is not on the list
    return going.sink == "url" and _is_host(str(going.value), capabilities)


def _is_host(url: str, capabilities: Capabilities) -> bool:
    try:
        return bool(plain_url(url).names & capabilities.hosts)
    except ToolError:
        return False


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
