"""What many tests do first."""

from __future__ import annotations

import httpx

from orchestrator.services.views import TaskView


async def submit(client: httpx.AsyncClient, goal: str = "How long is a lease?") -> TaskView:
    answer = await client.post("/v1/tasks", json={"goal": goal})
    assert answer.status_code == 201
    return TaskView.model_validate_json(answer.content)


def messages(stream: bytes) -> list[dict[str, str]]:
    """The messages of a whole event stream; comments and messages without data left out."""
    found: list[dict[str, str]] = []
    for block in stream.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            found.append(fields)
    return found
