"""A harness over a fresh database, with a scripted model and words hashed to vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from bench.support.engine import Harness, Script, ScriptedProvider, harness
from core.ids import TenantId
from core.settings import Settings
from tests.conftest import TestDatabase
from tools import Tool


class Opener:
    """Opens harnesses over the test's database; each stands for a process of its own."""

    def __init__(self, stack: AsyncExitStack, database: TestDatabase, tenant: TenantId) -> None:
        self._stack = stack
        self._database = database
        self._tenant = tenant

    async def __call__(
        self,
        script: Script,
        *,
        tenant: TenantId | None = None,
        owner: str = "worker-1",
        extra_tools: Sequence[Tool] = (),
        **settings: object,
    ) -> tuple[Harness, ScriptedProvider]:
        provider = ScriptedProvider(script)
        opened = await self._stack.enter_async_context(
            harness(
                self._database.application,
                tenant or self._tenant,
                provider,
                owner=owner,
                extra_tools=extra_tools,
                settings=Settings.model_validate({"pool_size": 6, **settings}),
            )
        )
        return opened, provider


@pytest.fixture
async def open_harness(test_database: TestDatabase, tenant: TenantId) -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack, test_database, tenant)
