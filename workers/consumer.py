"""Celery's consumer, made to outlive a broken connection while threads are at work."""

from __future__ import annotations

from celery.worker.consumer import Consumer


class PatientConsumer(Consumer):
    def on_close(self) -> None:
        """Forget the messages of a connection that broke.

        Celery walks over its set of requests here while the pool's threads take theirs out of it; it was
        made for one thread, and would end the worker. What it does here may be done again.
        """
        while True:
            try:
                super().on_close()
            except RuntimeError:
                continue
            return
