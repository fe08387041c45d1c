"""`treehold up | api | worker | migrate`: processes that run until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.exits import DONE, leave

if TYPE_CHECKING:
    from cli.host import Host
    from core.settings import Settings

Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port of API and viewer.")]


def up(
    port: Port = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    data: options.DataDir = None,
) -> None:
    """Run everything in one process: API, viewer and workers. Ctrl-C stops it."""
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency, port=port
    )
    _run(settings, api=True, workers=True)


def api(port: Port = None, data: options.DataDir = None) -> None:
    """Run the REST API and the viewer only."""
    _run(options.settings(data=data, port=port), api=True, workers=False)


def worker(
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ModelKey = None,
    concurrency: options.Concurrency = None,
    queues: options.Queues = None,
    health_port: options.HealthPort = None,
    data: options.DataDir = None,
) -> None:
    """Run a worker: turns, relay and reaper."""
    settings = options.settings(
        data=data,
        model=model,
        base_url=base_url,
        api_key=api_key,
        concurrency=concurrency,
        queues=queues,
        health_port=health_port,
    )
    if settings.embedded_broker and not settings.embedded_database:
        typer.echo(
            "note: the broker is memory://; this worker finds its work by sweeping the database", err=True
        )
    _run(settings, api=False, workers=True)


def migrate(data: options.DataDir = None) -> None:
    """Bring the database up to date, and make the first tenant and key."""
    from orchestrator.site import prepare_site

    ran, key_file = prepare_site(options.settings(data=data))
    typer.echo(f"migrations run: {', '.join(map(str, ran)) or 'none, up to date'}")
    typer.echo(f"API key: {key_file}")


def _run(settings: Settings, *, api: bool, workers: bool) -> None:
    from cli import logs

    logs.to_stderr(settings.log_format)
    asyncio.run(_until_stopped(settings, api=api, workers=workers))
    leave(DONE)


async def _until_stopped(settings: Settings, *, api: bool, workers: bool) -> None:
    """Raises what ended a part that should have gone on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        typer.echo("stopping", err=True)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    from cli.host import hosted

    async with hosted(settings, api=api, workers=workers, port=settings.port) as host:
        if api:
            with _told(settings, host, findable=workers):
                await _first(stopping.wait(), host.wait())
            return
        await _first(stopping.wait(), host.wait(), host.working.wait())
        if not stopping.is_set():
            typer.echo("worker is up")
        await _first(stopping.wait(), host.wait())


@contextmanager
def _told(settings: Settings, host: Host, *, findable: bool) -> Generator[None]:
    """Say where the server is: to whoever started it, and to other commands where it can do all they need."""
    from cli.local_server import announced
    from orchestrator.site import KEY_FILE

    key_file = settings.data_dir / KEY_FILE
    with ExitStack() as stack:
        if findable and settings.embedded_database:
            stack.enter_context(announced(settings, url=host.url, key_file=key_file))
        typer.echo(f"Treehold is up: {host.url}")
        if host.sign_in_url:
            typer.echo(f"open it signed in (once, within 15 minutes): {host.sign_in_url}")
            typer.echo(f"API key: {key_file}")
        yield


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of them is over; raises what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()
