"""`treehold index rebuild | check`: the index is a copy of the rows, made anew or compared with them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli import exits, options

if TYPE_CHECKING:
    from core.settings import Settings
    from memory import Difference, Progress, Rebuilt
    from orchestrator.platform import Platform

commands = typer.Typer(
    name="index",
    help="The index that memory is searched by: rebuild it, or check it against the rows.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def rebuild(
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder", help="minilm, a node's model, or provider/name; default: TREEHOLD_EMBEDDER."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare it with the rows afterwards.")] = False,
    as_json: AsJson = False,
    data: options.DataDir = None,
) -> None:
    """Build the index anew beside the one in use, switch to it, and remove the old one."""
    settings = options.settings(data=data)
    done, found = asyncio.run(_rebuild(settings, embedder, check=check, quiet=as_json))
    records = sum(done.records.values())
    if as_json:
        printed = {"embedder": done.embedder, "records": dict(done.records), "removed": done.removed}
        sys.stdout.write(json.dumps(printed | ({"differences": _rows(found)} if check else {})) + "\n")
    else:
        typer.echo(f"built with {done.embedder}: {_counted(records, 'record')}; the old index is removed")
        if check:
            typer.echo(in_words(found))
    raise typer.Exit(exits.DONE if _consistent(found) else exits.NOT_DONE)


@commands.command()
def check(
    mend: Annotated[bool, typer.Option("--mend", help="Also have the index take in what differs.")] = False,
    as_json: AsJson = False,
    data: options.DataDir = None,
) -> None:
    """Compare the index with the rows. Exit status 1 when it lacks records, or has others."""
    found = asyncio.run(_check(options.settings(data=data), mend=mend))
    if as_json:
        sys.stdout.write(json.dumps(_rows(found)) + "\n")
    else:
        typer.echo(in_words(found) + ("; mended" if mend and not _consistent(found) else ""))
    raise typer.Exit(exits.DONE if mend or _consistent(found) else exits.NOT_DONE)


def in_words(found: Sequence[Difference]) -> str:
    """One line for all tenants together."""
    records = _counted(sum(one.records for one in found), "record")
    waiting = sum({one.tenant: one.waiting for one in found}.values())
    parts = [
        f"{number} {what}"
        for what in ("missing", "extra", "different")
        if (number := sum(getattr(one, what) for one in found))
    ]
    said = f"{records}, " + (", ".join(parts) if parts else "all as their rows are")
    return said + (f" ({_counted(waiting, 'change')} not taken in yet)" if waiting else "")


async def _rebuild(
    settings: Settings, embedder: str | None, *, check: bool, quiet: bool
) -> tuple[Rebuilt, list[Difference]]:
    from core.errors import ConfigurationError

    async with _opened(settings) as platform:
        if platform.rebuilder is None:
            raise ConfigurationError("this index cannot be rebuilt")
        with _bar(quiet=quiet) as told:
            done = await platform.rebuilder.rebuild(embedder=embedder, told=told)
        return done, await platform.checker.check_all() if check else []


async def _check(settings: Settings, *, mend: bool) -> list[Difference]:
    async with _opened(settings) as platform:
        await platform.index.prepare()
        found = await platform.checker.check_all(mend=mend)
        if mend:
            await platform.indexer.drain()
        return found


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[Platform]:
    from cli import logs
    from orchestrator.bootstrap import open_platform
    from orchestrator.site import open_site

    logs.to_file(settings.data_dir)
    site = await asyncio.to_thread(open_site, settings)
    try:
        platform = await open_platform(settings, site.conninfo)
        try:
            yield platform
        finally:
            await platform.aclose()
    finally:
        await asyncio.to_thread(site.release)


@contextmanager
def _bar(*, quiet: bool) -> Generator[Callable[[Progress], None]]:
    """A bar on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("rebuilding the index", total=None)

        def told(progress: Progress) -> None:
            bar.update(task, completed=progress.records, total=max(progress.expected, progress.records))

        yield told


def _consistent(found: Sequence[Difference]) -> bool:
    return all(one.consistent for one in found)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _rows(found: Sequence[Difference]) -> list[dict[str, object]]:
    return [{**asdict(one), "tenant": str(one.tenant)} for one in found]
