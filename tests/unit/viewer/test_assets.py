"""What the viewer ships: vendored files as written down, no sink for markup, no other origin."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from viewer import STATIC, TEMPLATES

VENDOR = STATIC / "vendor"
OURS = sorted(path for path in STATIC.rglob("*") if path.is_file() and VENDOR not in path.parents)
MODULES = [path for path in OURS if path.suffix == ".js" and path.name != "boot.js"]
PAGES = sorted(TEMPLATES.glob("*.html"))
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|\beval\(|new Function|"
    r"setHTML|srcdoc|setTimeout\(\s*[\"'`]|cssText"
)
ELSEWHERE = re.compile(r"(?:https?:|wss?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
IMPORT = re.compile(r"""^\s*(?:import|export)\b[^"']*?\bfrom\s*["']([^"']+)["']""", re.MULTILINE)


def vendored() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((VENDOR / "vendor.json").read_text())
    return entries


def name(path: Path) -> str:
    return path.name


def test_every_vendored_file_is_the_one_written_down() -> None:
    for entry in vendored():
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        assert entry["name"]
        assert entry["version"]
        assert entry["licence"] in {"MIT", "Apache-2.0"}


def test_no_vendored_file_is_unlisted() -> None:
    listed = {entry["file"] for entry in vendored()} | {"vendor.json", "LICENSES.md"}
    assert {path.name for path in VENDOR.iterdir()} == listed
    licences = (VENDOR / "LICENSES.md").read_text()
    assert all(entry["file"] in licences for entry in vendored())


@pytest.mark.parametrize("path", [*OURS, *PAGES], ids=name)
def test_no_file_of_ours_makes_markup_of_text_or_names_another_origin(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert SINKS.search(text) is None
    assert ELSEWHERE.search(text) is None


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_hold_no_inline_script_style_or_unescaped_value(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"<script(?![^>]*\bsrc=)", text) is None
    assert re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) is None
    assert re.search(r"\|\s*safe\b|autoescape", text) is None


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_are_relative_and_exist(path: Path) -> None:
    for target in IMPORT.findall(path.read_text()):
        assert target.startswith(".")
        assert (path.parent / target).resolve().is_file()


@pytest.mark.parametrize("path", sorted((STATIC / "app" / "model").glob("*.js")), ids=name)
def test_models_know_no_page(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"\b(?:document|window|localStorage|fetch)\b[.(]", text) is None
    assert all(target.startswith("./") for target in IMPORT.findall(text))


def test_every_module_is_preloaded() -> None:
    text = (TEMPLATES / "_parts.html").read_text()
    app = STATIC / "app"
    assert set(re.findall(r'"((?:model/|ui/|views/)?[a-z_]+)"(?=[,\s])', text)) >= {
        str(path.relative_to(app).with_suffix("")) for path in MODULES
    }
