"""What the platform tells other tools of itself: spans, made from rows of events (docs/observability.md)."""
