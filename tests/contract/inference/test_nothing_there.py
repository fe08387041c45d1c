"""What a person with a wrong address sees: soon, and with the address."""

from __future__ import annotations

import subprocess
import sys

_ASK = """
import asyncio, sys
from core.errors import ModelUnavailable
from inference import Message, ModelConfig, ModelGateway, ModelRequest, SilentObserver
from inference.litellm_provider import LiteLLMProvider

async def main() -> None:
    gateway = ModelGateway(LiteLLMProvider(ModelConfig(model="m", base_url="http://127.0.0.1:9/v1")))
    request = ModelRequest(kind="plan", messages=(Message(role="user", content="hello"),))
    try:
        await gateway.complete(request, SilentObserver())
    except ModelUnavailable as error:
        print(error.message, "litellm" in sys.modules)

asyncio.run(main())
"""


def test_a_dead_address_is_told_without_loading_what_takes_seconds() -> None:
    ran = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.startswith("nothing answers at http://127.0.0.1:9/v1")
    assert ran.stdout.strip().endswith("False")
