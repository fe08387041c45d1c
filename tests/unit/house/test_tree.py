"""The checkout itself: build files, migrations, and what no file may contain."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from core.database.migrate import migrations

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|root)/[A-Za-z.]")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
BLANKET_IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)\s*(?:$|[^\[:\s])", re.M)
BINARY = {".pdf", ".png", ".ico", ".woff2", ".gz", ".npz"}
SCRIPTS = ["scripts/setup", "scripts/gate", "scripts/system-packages", ".ci/run"]


@pytest.fixture(scope="module")
def texts(sources: list[Path], root: Path) -> dict[str, str]:
    """The text files of the tree by relative path; what is locked or vendored is not ours."""
    named = {str(path.relative_to(root)): path for path in sources if path.suffix not in BINARY}
    skipped = ("uv.lock", "viewer/static/vendor/")
    return {
        name: path.read_text(errors="replace") for name, path in named.items() if not name.startswith(skipped)
    }


@pytest.mark.parametrize("pattern", [MACHINE_PATH, UNFINISHED], ids=["path", "unfinished"])
def test_no_file_contains(pattern: re.Pattern[str], texts: dict[str, str]) -> None:
    found = [f"{name}: {match[0]}" for name, text in texts.items() for match in pattern.finditer(text)]
    assert found == []


def test_ignores_name_their_rule(texts: dict[str, str]) -> None:
    found = [name for name, text in texts.items() if name.endswith(".py") and BLANKET_IGNORE.search(text)]
    assert found == []


def test_tests_are_not_skipped(texts: dict[str, str]) -> None:
    mark = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    assert [name for name, text in texts.items() if name.endswith(".py") and mark.search(text)] == []


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    found = migrations()
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", path.name) for _, path in found)


def test_every_table_is_bound_to_its_tenant() -> None:
    sql = "".join(path.read_text() for _, path in migrations())
    tables = set(re.findall(r"CREATE TABLE (\w+)", sql)) - {"tenant", "index_generation"}
    assert set(re.findall(r"CALL protect\('(\w+)'\)", sql)) == tables


def test_every_make_target_is_described(root: Path) -> None:
    text = (root / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.M))
    described = set(re.findall(r"^([a-z-]+):.*## \S", text, re.M))
    declared = re.search(r"^\.PHONY: (.+)$", text, re.M)
    assert declared is not None
    assert targets == described == set(declared[1].split())
    assert {"run", "test", "up", "lint", "format", "types", "unit", "doctor", "clean"} <= targets


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_executable_and_parse(script: str, root: Path) -> None:
    path = root / script
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", path], check=True)


def test_continuous_integration_runs_the_gate(root: Path) -> None:
    assert "make --no-print-directory test" in (root / ".ci/run").read_text()
    assert "scripts/gate" in (root / "Makefile").read_text()


def test_the_lock_pins_every_file_by_hash(root: Path) -> None:
    lock = (root / "uv.lock").read_text()
    files = re.findall(r"\{ url = .*\}", lock)
    assert files
    assert all('hash = "sha256:' in file for file in files)
    assert len(set(re.findall(r'registry = "([^"]+)"', lock))) == 1


def test_the_package_manager_is_pinned_by_hash(root: Path) -> None:
    text = (root / "scripts/uv-requirements.txt").read_text()
    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", text, re.M)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) > 1
