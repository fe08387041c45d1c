"""Replays through the whole server, its node counting who asks."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.models.site import Site


async def test_a_replay_asks_the_node_nothing_and_its_artifacts_can_be_read(
    site: Site, workspace: Path
) -> None:
    outcome = await site.run("How are backups kept and restored, and by whom?", workspace=workspace)
    source = outcome.tree.task
    mine = "How are backups kept and restored, and by whom?"
    asked = len([request for request in site.node.requests if mine in str(request)])
    fork = await site.client.fork(source)
    await site.client.wait(fork, timeout=60)
    replay = await site.client.get(fork)
    assert replay.answer == source.answer
    assert replay.usage == source.usage
    assert len([request for request in site.node.requests if mine in str(request)]) == asked
    assert all(call.replayed for call in await site.client.calls(replay))
    kept = [
        sorted([(each.name, await site.client.download(each)) for each in await site.client.artifacts(task)])
        for task in (source, replay)
    ]
    assert kept[0] == kept[1]
