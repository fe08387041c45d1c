"""What the API needs; the composition root passes it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from api.tickets import Tickets
from core.settings import Settings
from orchestrator.services.ports import Approvals, Control, Forks, Keys, Memories, Messages, Tasks
from orchestrator.services.views import ModelDescription

OK = "ok"
"""What a part that answers says of itself."""

Ready = Callable[[], Awaitable[Mapping[str, str]]]
"""Part -> `OK` or, in words an anonymous caller may read, what is wrong. May raise `TreeholdError`."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What Prometheus may read.

    Attributes:
        text: in its text format; never raises for a storage that is away.
        token: asked for as a bearer token, where there is one.
    """

    text: Callable[[], Awaitable[bytes]]
    token: SecretStr | None


@dataclass(frozen=True, kw_only=True)
class ApiServices:
    """What routes may ask, and how the server is set up.

    Attributes:
        settings: where the server is reached; from it follow the host names it answers to.
        figures: None where `/metrics` is not served.
        heartbeat_seconds: how often an idle event stream sends a comment.
        streams_per_tenant: how many event streams a tenant may have open in this process.
    """

    tasks: Tasks
    forks: Forks
    control: Control
    approvals: Approvals
    messages: Messages
    memories: Memories
    keys: Keys
    model: ModelDescription
    ready: Ready
    settings: Settings
    figures: Figures | None = None
    tickets: Tickets = field(default_factory=Tickets)
    heartbeat_seconds: float = 15.0
    streams_per_tenant: int = 2000
