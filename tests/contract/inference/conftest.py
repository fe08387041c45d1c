from __future__ import annotations

import pytest

from bench.support import model_harness


@pytest.fixture(params=["node", "litellm"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whatever can call an own node, in turn."""
    monkeypatch.setattr(model_harness.CHOICE, "provider", request.param)
    return request.param
