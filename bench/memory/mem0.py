"""mem0's vector path over the same Postgres and the same vectors, in an environment of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from psycopg.conninfo import conninfo_to_dict

from bench.engine.environments import NotInstalled, installed
from bench.engine.frameworks import Framework
from bench.memory.corpus import Corpus
from bench.memory.scale import WARM_UP, Timing
from bench.support.site import TemporarySite, open_folder
from core.postgres import EmbeddedPostgres
from memory.ports import Embedder

MEM0 = Framework(
    name="mem0", script="with_mem0.py", packages=("mem0ai==2.2.1", "psycopg[binary,pool]", "numpy")
)
SECONDS = 3_600.0


async def measure_mem0(
    site: TemporarySite, corpus: Corpus, records: int, questions: Sequence[str], embedder: Embedder
) -> tuple[Timing | None, str | None]:
    """Seconds of its searches with the question's vector given, or why there are none."""
    try:
        found = await asyncio.to_thread(installed, MEM0)
    except NotInstalled as error:
        return None, f"not installed: {error}"
    with open_folder() as folder:
        await _write(folder, corpus, records, questions, embedder)
        address = EmbeddedPostgres(site.settings.data_dir / "postgres")
        database = f"mem0_{records}"
        try:
            conninfo = await asyncio.to_thread(address.start)
            await site.admin.execute(f"CREATE DATABASE {database}".encode())
            postgres = {**conninfo_to_dict(conninfo.conninfo()), "dbname": database}
            return await _run(found.python, folder, postgres)
        finally:
            await site.admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
            address.release()


async def _write(
    folder: Path, corpus: Corpus, records: int, questions: Sequence[str], embedder: Embedder
) -> None:
    tasks = corpus.tasks(0, records)
    np.save(folder / "vectors.npy", corpus.vectors(tasks))
    np.save(folder / "questions.npy", await embedder.embed(questions))
    (folder / "texts.json").write_text(json.dumps([task.goal for task in tasks]))
    (folder / "questions.json").write_text(json.dumps(list(questions)))


async def _run(
    python: Path, folder: Path, postgres: Mapping[str, object]
) -> tuple[Timing | None, str | None]:
    (folder / "postgres.json").write_text(json.dumps({key: str(value) for key, value in postgres.items()}))
    script = Path(__file__).with_name("peers") / MEM0.script
    environment = {
        "HOME": str(folder),
        "MEM0_TELEMETRY": "False",
        "OPENAI_API_KEY": "not-used",
        "PATH": "/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        str(python), str(script), str(folder), env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            printed, complaints = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, f"it took more than {SECONDS:.0f} s"
    if process.returncode != 0:
        return None, (complaints.decode().strip().splitlines() or ["it failed"])[-1]
    seconds: list[float] = json.loads(printed.decode().splitlines()[-1])
    return Timing.of(seconds[WARM_UP:]), None
