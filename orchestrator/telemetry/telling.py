"""The spans of one trace, as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from orchestrator.telemetry import conventions as c
from orchestrator.telemetry.span import Attribute, Moment, Span


class Telling:
    """Collects spans until they are asked for. What all spans of a task say is said here."""

    def __init__(self, trace: str, tenant: UUID, task: UUID) -> None:
        self._trace = trace
        self._base: Mapping[str, Attribute] = {
            c.TENANT: str(tenant),
            c.TASK: str(task),
            c.CONVERSATION_ID: str(task),
            c.OI_SESSION: str(task),
        }
        self._spans: list[Span] = []

    def told(self) -> list[Span]:
        """Since this was asked last."""
        spans, self._spans = self._spans, []
        return spans

    def tell(
        self,
        name: str,
        span: str,
        parent: str | None,
        start: datetime,
        end: datetime,
        named: Mapping[str, Attribute],
        *,
        moments: Sequence[Moment] = (),
        error: str | None = None,
        remote: bool = False,
        called: bool = False,
    ) -> None:
        """Ids, `error`, `remote` and `called` are those of `Span`."""
        failed: dict[str, Attribute] = {} if error is None else {c.ERROR_TYPE: error}
        self._spans.append(
            Span(
                name=name,
                trace=self._trace,
                id=span,
                parent=parent,
                start=start,
                end=end,
                attributes={**self._base, **named, **failed},
                moments=tuple(moments),
                error=error,
                remote=remote,
                called=called,
            )
        )
