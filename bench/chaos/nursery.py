"""Starts `treehold` processes quickly: one process imports everything once, and forks.

`python -m bench.chaos.nursery` reads one order a line, `{"arguments": […], "environment": {…}, "log": …}`,
and answers `{"started": PID}` to each; when a child ends it says `{"ended": PID, "status": …, "at": …}`. Each
child runs the command line as a process of its own would. They end with the nursery, and it with its standard
input.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback
from typing import Any

PRELOADED = (
    "api.app",
    "bench.chaos.effects",
    "celery.worker.components",
    "celery.worker.consumer.consumer",
    "cli.host",
    "cli.main",
    "cli.serve",
    "inference.litellm_provider",
    "kombu.transport.memory",
    "kombu.transport.pyamqp",
    "kombu.transport.redis",
    "memory.embedder",
    "memory.index",
    "orchestrator.engine.engine_room",
    "uvicorn.protocols.http.h11_impl",
    "workers.worker",
)
PR_SET_PDEATHSIG = 1


def preload() -> None:
    from inference import litellm_library

    for module in PRELOADED:
        importlib.import_module(module)
    litellm_library.load()
    gc.collect()
    gc.freeze()


def say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def reap(*_: object) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        say({"ended": pid, "status": os.waitstatus_to_exitcode(status), "at": time.time()})


def start(order: dict[str, Any]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        live(order)
    say({"started": pid})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def live(order: dict[str, Any]) -> None:
    """Become the command that was ordered; never returns."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, target)
        os.environ.clear()
        os.environ.update(order["environment"])
        status = run(order["arguments"])
    except BaseException:  # noqa: BLE001 - a forked child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(arguments: list[str]) -> int:
    from cli.main import main
    from core import failpoints

    failpoints.arm(os.environ.get(failpoints.VARIABLE, ""))
    sys.argv = ["treehold", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


if __name__ == "__main__":
    preload()
    signal.signal(signal.SIGCHLD, reap)
    say({"ready": os.getpid()})
    for line in sys.stdin:
        start(json.loads(line))
