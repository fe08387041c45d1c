from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from bench.support.engine import Harness, ScriptedProvider, harness
from bench.support.scripts import team
from core.ids import TenantId
from tests.collector import PROTOCOLS, Collector, collecting
from tests.conftest import TestDatabase
from tests.integration.telemetry.telling import Exporting


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=PROTOCOLS)
def collector(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Over each protocol in turn; the environment names it."""
    with collecting(request.param) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def grpc_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting("grpc") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
async def opened(test_database: TestDatabase, tenant: TenantId) -> AsyncIterator[Harness]:
    async with harness(test_database.application, tenant, ScriptedProvider(team(2))) as found:
        yield found


@pytest.fixture
async def exporting(opened: Harness) -> AsyncIterator[Exporting]:
    """Exporters as processes of their own would have them; tasks are told from here on."""
    async with Exporting(opened) as found:
        await found.round()
        yield found
