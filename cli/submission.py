"""From the command line to a submission; what is plainly wrong is said before anything is started."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

from core.errors import InvalidInput
from treehold import Budget, TaskOptions


def goal_text(goal: str) -> str:
    """The goal as it was given. Raises `InvalidInput` for one that says nothing."""
    if not goal.strip():
        raise InvalidInput("the goal is empty: say what you want done")
    return _unicode(goal, "the goal")


def workspace(folder: Path | None, *, remote: bool) -> str | None:
    """The folder as the server shall know it; a remote server looks for it on its own machine.

    Raises:
        InvalidInput: it is missing, empty or no folder, and the message says what to do.
    """
    if folder is None:
        return None
    if remote:
        return _unicode(str(folder.absolute()), "the folder's name")
    from tools import Workspace

    return _unicode(Workspace(folder).root, "the folder's name")


def schema(path: Path | None) -> dict[str, Any] | None:
    """Raises `InvalidInput` when the file cannot be read or is not the schema of an object."""
    if path is None:
        return None
    name = repr(str(path))
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"cannot read the schema file {name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the schema file {name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"the schema file {name} must hold a JSON object")
    given = cast(dict[str, Any], found)
    from orchestrator.turns import gate

    try:
        gate.closed(given)
    except InvalidInput as error:
        raise InvalidInput(f"the schema file {name}: {error.message}") from error
    return given


def tags(pairs: list[str]) -> dict[str, str]:
    """From `name=value` each. Raises `InvalidInput`."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = _unicode(pair, "a tag").partition("=")
        if not equals or not name:
            raise InvalidInput(f"--tag wants name=value, not {pair!r}")
        found[name] = value
    return found


def budget(*, dollars: float | None, seconds: float | None, **counts: int | None) -> Budget:
    """The limits that were given; defaults stand for the others. Raises `InvalidInput`."""
    limits: dict[str, float | None] = {**counts, "seconds": seconds}
    for option, amount in {"--budget-cost": dollars, "--deadline": seconds}.items():
        if amount is not None and not math.isfinite(amount):
            raise InvalidInput(f"{option} wants a number, not {amount}; leave it out for no limit")
    if dollars is not None:
        limits["cost"] = round(dollars * 1e6)
    return Budget.model_validate({name: limit for name, limit in limits.items() if limit is not None})


def options(**given: Any) -> TaskOptions:
    return cast(TaskOptions, {name: value for name, value in given.items() if value is not None})


def _unicode(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{what} is not text in UTF-8") from error
    return text
