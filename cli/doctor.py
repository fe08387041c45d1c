"""`treehold doctor`: what was chosen, and whether it answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from core.errors import TreeholdError

if TYPE_CHECKING:
    from core.settings import Settings
    from orchestrator.platform import Platform

Check = Callable[[], Awaitable[str]]
CHECKED_POINTS = 10_000
"""Up to so many points the index is compared with the rows: a second or two."""

Found = tuple[str, bool, str]
"""A part, whether it is well, and what there is to say."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    data: options.DataDir = None,
) -> None:
    """Print what is used and whether it answers. Exit status 1 when something needed does not."""
    from cli import logs

    settings = options.settings(data=data, model=model, base_url=base_url, api_key=api_key)
    logs.to_file(settings.data_dir)
    found = asyncio.run(_examine(settings))
    if as_json:
        sys.stdout.write(
            json.dumps([{"part": part, "ok": ok, "detail": detail} for part, ok, detail in found]) + "\n"
        )
    else:
        from rich.table import Table

        from cli.render import line_console

        table = Table(box=None, pad_edge=False, show_header=False)
        for part, ok, detail in found:
            table.add_row("[green]ok[/]" if ok else "[red]no[/]", part, detail)
        line_console().print(table)
    raise typer.Exit(0 if all(ok for _, ok, _ in found) else 1)


async def _examine(settings: Settings) -> list[Found]:
    from cli import local_server
    from core.postgres import EmbeddedPostgres
    from orchestrator.bootstrap import open_platform
    from orchestrator.site import open_site

    running = local_server.found(settings)
    found: list[Found] = [
        ("data folder", True, str(settings.data_dir)),
        ("server", True, f"treehold up at {running.url}" if running else "no treehold up runs here"),
    ]
    if settings.embedded_database:
        facts = EmbeddedPostgres(settings.data_dir / "postgres").describe()
        state = "running" if facts.running else "started when needed"
        found.append(("embedded postgres", True, f"{facts.version}, {state}, data in {facts.cluster}"))
    found.append(await _try("broker", lambda: _broker(settings)))
    try:
        site = await asyncio.to_thread(open_site, settings)
    except TreeholdError as error:
        return [*found, ("database", False, error.message)]
    try:
        platform = await open_platform(settings, site.conninfo)
        try:
            found += await _parts(platform)
        finally:
            await platform.aclose()
    except TreeholdError as error:
        found.append(("database", False, error.message))
    finally:
        await asyncio.to_thread(site.release)
    return found


async def _parts(platform: Platform) -> list[Found]:
    async def database() -> str:
        await platform.ready()
        return "answers, as a role that row-level security binds"

    async def index() -> str:
        await platform.index.prepare()
        return f"{platform.settings.vector_index} answers"

    async def consistency() -> str:
        from cli.index import in_words

        found = await platform.checker.check_all(most=CHECKED_POINTS)
        return in_words(found) if found else "too large to look at here: treehold index check"

    async def embedder() -> str:
        (vector,) = await platform.embedder.embed(["ready?"])
        return f"{platform.embedder.name}, {len(vector)} dimensions"

    health = await platform.gateway.check()
    return [
        await _try("database", database),
        await _try("vector index", index),
        await _try("index against rows", consistency),
        await _try("embedder", embedder),
        (f"model {platform.model.name}", health.reachable is not False, health.detail),
    ]


async def _try(part: str, check: Check) -> Found:
    try:
        return part, True, await check()
    except TreeholdError as error:
        return part, False, error.message


async def _broker(settings: Settings) -> str:
    if settings.embedded_broker:
        return "in this process (memory://)"
    from workers.broker import ask, shown

    url = settings.broker_url.get_secret_value()
    await ask(url)
    return f"{shown(url)} answers"
