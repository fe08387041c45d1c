"""The web trace viewer: pages and assets, served by the API; speaks HTTP only."""

from __future__ import annotations

from pathlib import Path

TEMPLATES: Path = Path(__file__).parent / "templates"
"""Jinja2 pages; render them with autoescape on."""

STATIC: Path = Path(__file__).parent / "static"
"""Stylesheets and ES modules, served unchanged at `/static/`."""

__all__ = ["STATIC", "TEMPLATES"]
