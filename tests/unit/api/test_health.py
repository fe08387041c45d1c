from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import httpx
import pytest

from api import ApiServices, create_app
from api.ports import Ready
from core.errors import StorageError
from tests.unit.api.conftest import Client


async def all_well() -> dict[str, str]:
    return {"postgres": "ok", "workers": "ok"}


async def no_workers() -> dict[str, str]:
    return {"postgres": "ok", "workers": "none seen for 12 s"}


async def no_storage() -> dict[str, str]:
    raise StorageError("canary: db.internal refused")


@pytest.fixture
async def clients(services: ApiServices) -> AsyncIterator[dict[Ready, Client]]:
    found: dict[Ready, Client] = {
        ready: httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(dataclasses.replace(services, ready=ready))),
            base_url="http://localhost",
        )
        for ready in (all_well, no_workers, no_storage)
    }
    yield found
    for client in found.values():
        await client.aclose()


@pytest.mark.parametrize(
    ("ready", "status", "parts"),
    [
        (all_well, 200, {"postgres": "ok", "workers": "ok"}),
        (no_workers, 503, {"postgres": "ok", "workers": "none seen for 12 s"}),
        (no_storage, 503, {"server": "storage_unavailable"}),
    ],
)
async def test_readiness_is_the_truth_about_the_parts(
    ready: Ready, status: int, parts: dict[str, str], clients: dict[Ready, Client]
) -> None:
    answer = await clients[ready].get("/readyz")
    assert answer.status_code == status
    assert answer.json() == {"ready": status == 200, "parts": parts}
    assert (await clients[ready].get("/healthz")).json() == {"status": "ok"}
