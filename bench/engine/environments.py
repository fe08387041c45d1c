"""An environment of its own for each framework, made with uv and kept for the next run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.engine.frameworks import Framework

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".tools" / "bench"
INSTALL_SECONDS = 600.0


_ASK_VERSIONS = """
import sys
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in sys.argv[1:]))
"""


class NotInstalled(Exception):
    """Says why."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The interpreter of an environment, and what was asked for in it, with versions."""

    python: Path
    versions: str


def installed(framework: Framework) -> Installed:
    """Blocking. Raises `NotInstalled`."""
    folder = FOLDER / framework.place
    python = folder / "bin" / "python"
    wanted = "\n".join(framework.packages)
    made = folder / ".made"
    if not made.is_file() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(python), *framework.packages)
        made.write_text(wanted)
    return Installed(python=python, versions=_versions(python, framework))


def _versions(python: Path, framework: Framework) -> str:
    names = [package.partition("==")[0].partition("[")[0] for package in framework.packages]
    return _ran([str(python), "-c", _ASK_VERSIONS, *names]).strip()


def own_version() -> str:
    return f"treehold {version('treehold-platform')}, langgraph {version('langgraph')}"


def _uv(*arguments: str) -> str:
    uv = ROOT / ".tools" / "bin" / "uv"
    found = str(uv) if uv.is_file() else shutil.which("uv")
    if found is None:
        raise NotInstalled("uv is not there: run scripts/setup")
    return _ran([found, *arguments])


def _ran(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        raise NotInstalled((error.stderr or str(error)).strip().splitlines()[-1]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    return done.stdout
