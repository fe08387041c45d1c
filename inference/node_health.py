"""Whether an OpenAI-compatible node answers, and which models it has."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ValidationError

from inference.config import ModelConfig
from inference.failure import KEY_REFUSED, KEY_WANTED, unreachable
from inference.model import ModelHealth
from inference.proxy import proxy_of

_LIMIT_SECONDS = 10.0


async def knock(config: ModelConfig) -> None:
    """A look whether anything listens at the base URL, before LiteLLM is loaded, which takes seconds.

    Where a proxy stands between, only a call can tell.

    Raises:
        Unreachable: nothing does.
    """
    try:
        url = urlsplit(config.base_url or "")
        if not url.hostname or proxy_of(config.base_url or ""):
            return
        port = url.port or (443 if url.scheme == "https" else 80)
        async with asyncio.timeout(config.connect_seconds):
            _, writer = await asyncio.open_connection(url.hostname, port)
        writer.close()
    except (OSError, ValueError, TimeoutError) as error:
        raise unreachable(config) from error


class _Listed(BaseModel):
    id: str


class _Listing(BaseModel):
    data: list[_Listed]


async def look_at(config: ModelConfig) -> ModelHealth:
    """Asks `GET /models`; never raises. A provider without a base URL is not asked: that may cost."""
    if config.base_url is None:
        return ModelHealth(reachable=None, detail="hosted provider; not asked, because a call costs tokens")
    headers = {} if config.api_key is None else {"Authorization": f"Bearer {config.api_key}"}
    limit = aiohttp.ClientTimeout(total=min(_LIMIT_SECONDS, config.connect_seconds))
    url = config.base_url.rstrip("/") + "/models"
    started = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.get(url) as response,
        ):
            body = await response.json(content_type=None) if response.ok else None
            return _health(config, response.status, body, time.monotonic() - started)
    except (aiohttp.ClientError, OSError, ValueError):
        return ModelHealth(reachable=False, detail=unreachable(config).message)


def _health(config: ModelConfig, status: int, body: Any, seconds: float) -> ModelHealth:
    models, model = _names(body), config.model
    if status in {401, 403}:
        detail = f"answers, but {KEY_WANTED if config.api_key is None else KEY_REFUSED}"
    elif status >= 400:
        detail = f"answers, but not with a list of models (HTTP {status})"
    elif models and not any(model == name or model.endswith(f"/{name}") for name in models):
        detail = f"answers, but does not list {model}"
    else:
        detail = "answers"
    return ModelHealth(reachable=status < 500, detail=detail, models=models, seconds=seconds)


def _names(body: Any) -> tuple[str, ...]:
    try:
        return tuple(item.id for item in _Listing.model_validate(body).data)
    except ValidationError:
        return ()
