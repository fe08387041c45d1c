"""docs/configuration.md lists the settings there are, with their defaults, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.settings import Settings

ROW = re.compile(r"^\| `TREEHOLD_(?P<name>\w+)` \| (?P<default>[^|]+) \| (?P<meaning>[^|]+\.) \|$")


@pytest.fixture(scope="module")
def rows(root: Path) -> dict[str, re.Match[str]]:
    lines = (root / "docs/configuration.md").read_text().splitlines()
    return {match["name"].lower(): match for line in lines if (match := ROW.match(line)) is not None}


def shown(field: FieldInfo) -> str:
    default = cast(object, field.default)
    match default:
        case _ if field.default_factory is not None:
            return "the user's data folder"
        case None:
            return "unset"
        case SecretStr() as secret:
            return f"`{secret.get_secret_value()}`"
        case tuple():
            return f"`{json.dumps(list(cast(Sequence[object], default)))}`"
        case value:
            return f"`{value}`"


def test_every_setting_has_a_row_and_every_row_a_setting(rows: dict[str, re.Match[str]]) -> None:
    assert list(rows) == list(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_default_shown_is_the_default(name: str, rows: dict[str, re.Match[str]]) -> None:
    assert rows[name]["default"].strip() == shown(Settings.model_fields[name])


def test_other_documents_name_only_settings_there_are(root: Path) -> None:
    files = [*root.glob("*.md"), *root.glob("docs/**/*.md"), root / ".env.example", root / "Dockerfile"]
    named = {
        name.lower() for path in files for name in re.findall(r"\bTREEHOLD_([A-Z_]+)\b", path.read_text())
    }
    assert named - {"image", "url", "key"} <= set(Settings.model_fields)
