"""AgentDojo's tools as tools of Treehold: `TREEHOLD_TOOL_MODULES=["bench.attacks.agentdojo.tools"]`.

A task names its run by the one host of its grant, so that one server has all runs at a time.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any, Literal, Optional, cast
from urllib.request import Request, urlopen

import httpx
from pydantic import BaseModel, Field, create_model

from bench.attacks.agentdojo.sinks import COMMANDS, READING
from core.errors import ToolFailed
from core.provenance import Origin
from tools import Tool, ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments

URL = "BENCH_AGENTDOJO_URL"
_HOST = "run-{}.dojo.invalid"
_SECONDS = 30.0


def host_of(run: int) -> str:
    return _HOST.format(run)


def name_of(suite: str, tool: str) -> str:
    """Suites share names, with the built-in tools too."""
    return f"{suite}_{tool}"


class DojoTool:
    def __init__(self, suite: str, declared: dict[str, Any], url: str) -> None:
        self._name = declared["name"]
        self._suite = suite
        self._url = url
        commands = self._name in COMMANDS
        self.spec = ToolSpec(
            name=name_of(suite, self._name),
            description=" ".join(str(declared["description"]).split()),
            arguments=arguments_of(name_of(suite, self._name), declared["schema"]),
            privilege="command" if commands else "query",
            effect="unsafe" if commands else "pure",
            sinks=dict(COMMANDS.get(self._name) or READING.get(self._name, {})),
        )

    async def run(self, arguments: BaseModel, context: ToolContext) -> ToolResult:
        (host,) = context.capabilities.hosts
        call = {
            "run": int(host.removeprefix("run-").partition(".")[0]),
            "name": self._name,
            "arguments": arguments.model_dump(mode="json", exclude_unset=True),
        }
        answer = (await _client().post(f"{self._url}/call", json=call)).json()
        if "error" in answer:
            raise ToolFailed(str(answer["error"])[:1000])
        return ToolResult(
            content=json.dumps(answer["data"], ensure_ascii=False),
            data=answer["data"],
            origins=(Origin(kind="tool", id=self.spec.name),),
        )


@cache
def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_SECONDS)


def arguments_of(name: str, schema: dict[str, Any]) -> type[BaseModel]:
    """A model of the arguments, closed and strict like every tool's."""
    required = schema.get("required", [])
    fields: dict[str, Any] = {}
    for argument, declared in schema.get("properties", {}).items():
        kind = _type(declared, schema.get("$defs", {}))
        told = Field(
            default=... if argument in required else None, description=declared.get("description", "")
        )
        fields[argument] = (kind if argument in required else Optional[kind], told)  # noqa: UP045 - a value
    return create_model(f"Arguments of {name}", __base__=Arguments, **fields)


def _type(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _type(known[schema["$ref"].removeprefix("#/$defs/")], known)
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]  # pyright: ignore[reportInvalidTypeArguments, reportInvalidTypeForm] - known at run time
    for part in schema.get("anyOf", ()):
        if part.get("type") != "null":
            return Optional[_type(part, known)]  # noqa: UP045 - a value
    match schema.get("type"):
        case "array":
            return list[_type(schema.get("items", {}), known)]
        case "object":
            return dict[str, Any]
        case "integer":
            return int
        case "number":
            return float
        case "boolean":
            return bool
        case _:
            return str


def tools() -> list[Tool]:
    url = os.environ[URL]
    with urlopen(Request(f"{url}/catalogue", data=b"{}"), timeout=_SECONDS) as answer:
        found = cast(dict[str, Any], json.load(answer))
    return [DojoTool(suite, tool, url) for suite, known in found.items() for tool in known["tools"]]
