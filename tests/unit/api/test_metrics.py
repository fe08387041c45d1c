"""Figures are the operator's: a token shows them, and no tenant's key does."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import ApiServices, create_app
from api.app import create_health_app
from api.ports import Figures
from tests.unit.api.conftest import ready
from tests.unit.api.fakes import KEY

TOKEN = "scrape-me"


async def text() -> bytes:
    return b"treehold_turns 1.0\n"


async def asked(app: FastAPI, *, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8321") as client:
        return await client.get("/metrics", headers=headers)


def app_with(services: ApiServices, token: str | None) -> FastAPI:
    figures = None if token is None else Figures(text=text, token=SecretStr(token))
    return create_app(replace(services, figures=figures))


@pytest.mark.parametrize("host", ["127.0.0.1", "api.internal"])
async def test_the_token_shows_them_under_any_name_of_the_server(host: str, services: ApiServices) -> None:
    answer = await asked(app_with(services, TOKEN), host=host, Authorization=f"Bearer {TOKEN}")
    assert (answer.status_code, answer.content) == (200, await text())
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"bearer {TOKEN}x"},
        {"Cookie": f"treehold_key={KEY}"},
    ],
)
async def test_nothing_else_does(headers: dict[str, str], services: ApiServices) -> None:
    answer = await asked(app_with(services, TOKEN), **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")


async def test_without_a_token_the_api_has_none(services: ApiServices) -> None:
    answer = await asked(app_with(services, None))
    assert answer.status_code == 404
    assert "TREEHOLD_METRICS_TOKEN" in answer.json()["detail"]


async def test_a_workers_health_port_shows_them_unless_a_token_is_set() -> None:
    open_ = create_health_app(ready, Figures(text=text, token=None))
    assert (await asked(open_, host="worker-1")).status_code == 200
    closed = create_health_app(ready, Figures(text=text, token=SecretStr(TOKEN)))
    assert (await asked(closed, host="worker-1")).status_code == 401
    answer = await asked(closed, host="worker-1", Authorization=f"Bearer {TOKEN}")
    assert answer.status_code == 200
