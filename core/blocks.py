"""Data blocks: how a prompt holds values that must never be read as instructions.

A block is one line of JSON between tags. `<` and `>` are escaped inside, so no value can close its block or
open another, whatever it says; the trust of its source stands in the tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import orjson
from pydantic import JsonValue

from core.provenance import Trust

_BLOCK = re.compile(r'^<data name="(?P<name>[a-z_]+)" trust="(?:[a-z]+)">\n(?P<json>[^\n]*)\n</data>$', re.M)


def block(name: str, value: JsonValue, trust: Trust) -> str:
    """One named value, ready for a prompt."""
    encoded = orjson.dumps(value).decode()
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("\x85", "\\u0085")):
        encoded = encoded.replace(character, escape)
    return f'<data name="{name}" trust="{trust.name.lower()}">\n{encoded}\n</data>'


def read_blocks(text: str) -> Mapping[str, JsonValue]:
    """The values of all blocks in a prompt, by name; the last of a name wins."""
    return {match["name"]: cast(JsonValue, orjson.loads(match["json"])) for match in _BLOCK.finditer(text)}
