"""What importing and calling the gateway must not do to the rest of the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

CONSTRUCT = """
import json, sys
from inference import ModelConfig, ModelGateway
from inference.litellm_provider import LiteLLMProvider
gateway = ModelGateway(LiteLLMProvider(ModelConfig(model="gpt-4o-mini", base_url="http://127.0.0.1:9/v1")))
gateway.describe()
heavy = {"litellm", "openai", "torch", "langchain", "langchain_core", "transformers", "tiktoken"}
print(json.dumps(sorted(heavy & {name.partition(".")[0] for name in sys.modules})))
"""

CALL = """
import asyncio, json, os, sys, warnings
hosts = set()
def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.connect"):
        address = args[0] if event == "socket.getaddrinfo" else args[1]
        hosts.add(str(address[0] if isinstance(address, tuple) else address))
sys.addaudithook(watch)
from bench.support.model_harness import CHOICE, model_harness
from bench.support.replies import HttpError, ToolUse, calls, text
from inference import ToolDefinition
CHOICE.provider = sys.argv[1]
async def main():
    script = [HttpError(status=500), text("ok"), calls(ToolUse(name="search"))]
    async with model_harness(script, model="meta-llama/Llama-3.1-8B-Instruct") as harness:
        await harness.ask()
        await harness.ask(tools=(ToolDefinition(name="search", parameters={"type": "object"}),))
asyncio.run(main())
loaded = "litellm" in sys.modules
print(json.dumps({"hosts": sorted(hosts), "planted": os.environ.get("PLANTED"), "litellm": loaded}))
"""


def run(script: str, folder: Path, *arguments: str) -> tuple[Any, str]:
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_constructing_the_gateway_imports_nothing_heavy(tmp_path: Path) -> None:
    imported, _ = run(CONSTRUCT, tmp_path)
    assert imported == []


@pytest.mark.parametrize("provider", ["node", "litellm"])
def test_calls_dial_only_the_node_and_leave_no_trace(tmp_path: Path, provider: str) -> None:
    (tmp_path / ".env").write_text("PLANTED=yes\n")
    seen, errors = run(CALL, tmp_path, provider)
    assert seen == {"hosts": ["127.0.0.1"], "planted": None, "litellm": provider == "litellm"}
    assert errors == ""
