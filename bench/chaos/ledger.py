"""The ledger outside: what really happened, whoever asked for it, and however often.

`python -m bench.chaos.ledger FILE` is a process of its own that nobody kills. Each arrival of an effect is on
disk before it is answered; whoever wants one key to count once (as an idempotent receiver does) reads it so.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

SLOWNESS = 0.03
"""Seconds, at most, on each side of an arrival: room for somebody to die in."""

_TABLE = """
CREATE TABLE arrival (
    id integer PRIMARY KEY, kind text NOT NULL, key text NOT NULL, entry text NOT NULL
)
"""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    kind: str
    key: str
    entry: str


class Ledger:
    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_TABLE)

    async def take(self, http: web.Request) -> web.Response:
        body = await http.json()
        await asyncio.sleep(random.uniform(0, SLOWNESS))
        self._database.execute(
            "INSERT INTO arrival (kind, key, entry) VALUES (?, ?, ?)",
            (body["kind"], body["key"], body["entry"]),
        )
        await asyncio.sleep(random.uniform(0, SLOWNESS))
        return web.json_response({"entered": body["entry"]})


def arrivals(file: Path) -> list[Arrival]:
    """Everything that arrived, in its order."""
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT kind, key, entry FROM arrival ORDER BY id").fetchall()
    return [Arrival(kind=kind, key=key, entry=entry) for kind, key, entry in rows]


async def _serve(file: Path) -> None:
    app = web.Application()
    app.router.add_post("/effects", Ledger(file).take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An outside ledger of effects.")
    parser.add_argument("file", type=Path)
    asyncio.run(_serve(parser.parse_args().file))
