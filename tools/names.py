"""File names as others may have written them: made safe to show, and read back from what was shown."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_KEPT_FORMATS = frozenset("\u00ad\u200c\u200d")
"""Soft hyphen and the two joiners: parts of ordinary words and emoji."""
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown_name(path: str) -> str:
    """The path as UTF-8 text on one line: control, format and undecodable characters become escapes."""
    return path if path.isascii() and path.isprintable() else "".join(map(_escaped, path))


def shown_line(text: str) -> str:
    """A line as a model reads it: tabs stay, control and invisible format characters become escapes."""
    if text.isprintable():
        return text
    return "".join(character if character == "\t" else _escaped(character) for character in text)


def real_name(shown: str) -> str:
    """Undo `shown_name`. Only for a name that does not exist as it stands."""
    return _ESCAPE.sub(_unescaped, shown)


def _escaped(character: str) -> str:
    if character in _KEPT_FORMATS or unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF or code < 0x20 or code == 0x7F:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescaped(match: re.Match[str]) -> str:
    byte, short, long = match.groups()
    if byte is not None:
        code = int(byte, 16)
        return chr(0xDC00 + code) if code >= 0x80 else chr(code)
    code = int(short or long, 16)
    return chr(code) if code <= 0x10FFFF else match.group()
