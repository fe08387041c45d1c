from __future__ import annotations

import asyncio
from uuid import uuid4

from core.ids import DEFAULT_TENANT
from orchestrator.topics import ADVANCE
from workers.backlog import Backlog, Message


def message() -> Message:
    return Message(topic=ADVANCE, tenant=DEFAULT_TENANT, subject=uuid4())


async def test_it_has_room_up_to_its_limit() -> None:
    backlog = Backlog(limit=3)
    assert await backlog.capacity() == 3
    backlog.add(message())
    assert await backlog.capacity() == 2


async def test_a_full_backlog_makes_the_relay_wait_until_a_message_is_begun() -> None:
    backlog, first = Backlog(limit=1), message()
    backlog.add(first)
    waiting = asyncio.create_task(backlog.capacity())
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.begun(first)
    assert await waiting == 1


async def test_the_same_message_twice_counts_twice() -> None:
    backlog, one = Backlog(limit=3), message()
    backlog.add(one)
    backlog.add(one)
    backlog.begun(one)
    assert await backlog.capacity() == 2
    assert backlog.left() == [one]


async def test_a_message_from_elsewhere_frees_nothing() -> None:
    backlog, mine = Backlog(limit=2), message()
    backlog.add(mine)
    backlog.begun(message())
    assert await backlog.capacity() == 1
    assert backlog.left() == [mine]
