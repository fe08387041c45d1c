"""LiteLLM, imported late: it takes seconds and hundreds of megabytes, and by default it dials out."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",  # otherwise it loads a .env file from the current folder
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
}
_SWITCHED_ON = (
    "suppress_debug_info",
    "disable_hf_tokenizer_download",  # otherwise a Llama's name fetches its tokenizer, blocking the loop
    "disable_token_counter",
    "disable_streaming_logging",
    "turn_off_message_logging",
)
_LAZY = (
    "openai.resources.chat.completions",
    "openai.lib.streaming.chat",
    "litellm.proxy._types",
    "litellm.proxy.guardrails.exception_utils",
    "litellm.llms.openai.chat.gpt_audio_transformation",
    "litellm.llms.vertex_ai.vertex_ai_partner_models.anthropic.transformation",
    "litellm.integrations.prometheus_services",
    "fastapi",
)
"""What the first call or the first failure would import on the event loop, half a second of it."""

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_SETTLE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class LiteLLMLibrary:
    """The imported modules; untyped, because LiteLLM's own types are partial."""

    litellm: Any
    openai: Any
    httpx: Any
    transport: Any
    folder: Path


def load() -> LiteLLMLibrary:
    """Imports LiteLLM, silent and offline. Takes seconds the first time: call it in a thread."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    litellm: Any = importlib.import_module("litellm")
    for name in _LAZY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for switch in _SWITCHED_ON:
        setattr(litellm, switch, True)
    litellm.telemetry = False
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return LiteLLMLibrary(
        litellm=litellm,
        openai=importlib.import_module("openai"),
        httpx=importlib.import_module("httpx"),
        transport=importlib.import_module("litellm.llms.custom_httpx.aiohttp_transport"),
        folder=Path(litellm.__file__).parent,
    )


async def settle(library: LiteLLMLibrary) -> None:
    """Ends the background tasks LiteLLM left on this loop: a moment to finish, then cancellation."""
    mine = {task for task in asyncio.all_tasks() if _started_by(task, library.folder)}
    if not mine:
        return
    _, pending = await asyncio.wait(mine, timeout=_SETTLE_SECONDS)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


def _started_by(task: asyncio.Task[Any], folder: Path) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(str(folder))
