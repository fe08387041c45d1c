"""The dashboard and the document name the metrics there are, and all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.metrics import Metrics

NAME = re.compile(r"\btreehold_[a-z_]+\b")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket",)}


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """As Prometheus names them."""
    return {
        family.name + suffix for family in Metrics().registry.collect() for suffix in SUFFIXES[family.type]
    }


def test_the_dashboard_shows_every_metric_and_no_other(root: Path, exported: set[str]) -> None:
    board = json.loads((root / "docs/grafana-dashboard.json").read_text())
    shown = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in NAME.findall(target["expr"])
    }
    assert shown == exported


def test_panels_are_told_apart_and_lie_side_by_side(root: Path) -> None:
    panels = json.loads((root / "docs/grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_document_explains_every_metric(root: Path, exported: set[str]) -> None:
    rows = re.findall(r"^\| `(treehold_\w+)`", (root / "docs/observability.md").read_text(), re.M)
    assert {name.removesuffix("_bucket") for name in exported} == set(rows)
