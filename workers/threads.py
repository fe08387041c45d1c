"""Celery's thread pool, with every thread bound to the worker's own application."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery.concurrency.thread import TaskPool


class ApplicationThreads(TaskPool):
    """A Celery thread looks its task up in the thread's current application, which is nobody's by default."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.executor = ThreadPoolExecutor(max_workers=self.limit, initializer=self.app.set_current)
