from __future__ import annotations

import pytest

from orchestrator.services.views import ArtifactView
from tests.unit.api.conftest import Client
from tests.unit.api.fakes import FakeTasks
from tests.unit.api.steps import submit

SCRIPT = b"<script>alert(1)</script>"


async def test_artifacts_are_listed_and_downloaded(client: Client, tasks: FakeTasks) -> None:
    task = await submit(client)
    made = tasks.add_artifact(task.id, "notes.txt", "text/plain; charset=utf-8", "größer".encode())
    listed = (await client.get(f"/v1/tasks/{task.id}/artifacts")).json()["data"]
    assert [ArtifactView.model_validate(each) for each in listed] == [made]
    answer = await client.get(f"/v1/artifacts/{made.id}")
    assert (answer.text, answer.headers["Content-Type"]) == ("größer", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "image/svg+xml", "text/javascript", "application/xhtml+xml", "text/css", "a\r\nX-Evil: 1"],
)
async def test_nothing_is_handed_out_that_a_browser_would_run(
    media_type: str, client: Client, tasks: FakeTasks
) -> None:
    task = await submit(client)
    made = tasks.add_artifact(task.id, "page.html", media_type, SCRIPT)
    answer = await client.get(f"/v1/artifacts/{made.id}")
    assert answer.content == SCRIPT
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("name", "plain", "coded"),
    [
        ("notes.txt", "notes.txt", "notes.txt"),
        ("größe.txt", "gr__e.txt", "gr%C3%B6%C3%9Fe.txt"),
        ('a"; filename="b.exe', "a_; filename=_b.exe", "a_%3B%20filename%3D_b.exe"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("a\r\nX-Evil: 1", "a_X-Evil_ 1", "a_X-Evil_%201"),
        ("\u202etxt.exe", "txt.exe", "txt.exe"),
        ("...", "artifact", "artifact"),
    ],
)
async def test_a_name_cannot_be_more_than_a_name(
    name: str, plain: str, coded: str, client: Client, tasks: FakeTasks
) -> None:
    task = await submit(client)
    made = tasks.add_artifact(task.id, name, "text/plain", b"x")
    answer = await client.get(f"/v1/artifacts/{made.id}")
    expected = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"
    assert answer.headers["Content-Disposition"] == expected
