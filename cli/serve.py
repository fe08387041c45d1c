"""`treehold up | api | worker | migrate`: processes that run until they are told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from cli import logs, options
from core.errors import ConfigurationError
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
    data: options.DataDir = None,
) -> None:
    """Run a worker: turns, relay and reaper."""
    settings = options.settings(
        data=data, model=model, base_url=base_url, api_key=api_key, concurrency=concurrency
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
    logs.to_stderr()
    asyncio.run(_until_stopped(settings, api=api, workers=workers))


async def _until_stopped(settings: Settings, *, api: bool, workers: bool) -> None:
    from cli.host import hosted
    from orchestrator.site import KEY_FILE

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with hosted(settings, api=api, workers=workers, port=settings.port) as host:
        if api:
            typer.echo(f"Treehold is up: {host.url}")
            if host.sign_in_url:
                typer.echo(f"open it signed in (once, within 15 minutes): {host.sign_in_url}")
                typer.echo(f"API key: {settings.data_dir / KEY_FILE}")
        if host.started is not None:
            await _worker_or_stop(host.started, stopping)
        if not api and not stopping.is_set():
            typer.echo("worker is up")
        await stopping.wait()
        typer.echo("stopping", err=True)


async def _worker_or_stop(started: asyncio.Task[None], stopping: asyncio.Event) -> None:
    """Raises `ConfigurationError` when the worker cannot be started."""
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({started, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if started.done() and not started.cancelled() and (error := started.exception()) is not None:
        raise ConfigurationError(f"the worker cannot be started: {error}") from error
