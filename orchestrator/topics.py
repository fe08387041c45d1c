"""Outbox topics; workers register one Celery task for each."""

from typing import Literal

Topic = Literal["advance", "learn"]

ADVANCE: Topic = "advance"
"""Subject: an agent."""
LEARN: Topic = "learn"
"""Subject: a finished task."""
