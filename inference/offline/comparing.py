"""Comparing named files by rule: the lines that one has and the others have not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from inference.offline.figures import functions

_COMPARES = re.compile(
    r"\b(?:compar\w+|chang\w+|differ\w*|between|versus|vs|diff|verg\w+|unterschied\w*|änder\w+|geändert)\b",
    re.I,
)


def is_named(question: str, path: str) -> bool:
    """Whether a question names a file, by its path or its name, with or without its ending."""
    said, name = question.lower(), path.lower().rpartition("/")[2]
    stem = name.rpartition(".")[0]
    names = [path.lower(), name, *([stem] if re.search(r"[^a-z]", stem) else [])]
    return any(re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", said) for one in names)


def named(question: str, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if is_named(question, path)]


def compared(question: str, paths: Sequence[str]) -> list[str]:
    """The files a question asks to compare as they are, two of them at least; nothing to be computed."""
    found = named(question, paths)
    return found if len(found) > 1 and _COMPARES.search(question) and not functions(question) else []


def differences(files: Mapping[str, Sequence[tuple[int, str]]]) -> Iterator[tuple[str, int, str]]:
    """File, number and text of each line that is not in all the files; the files take turns."""
    texts = {path: {_plain(text) for _, text in lines} for path, lines in files.items()}
    shared = set[str].intersection(*texts.values()) if texts else set[str]()
    waiting = {
        path: [(number, text) for number, text in lines if _plain(text) and _plain(text) not in shared]
        for path, lines in files.items()
    }
    for turn in range(max(map(len, waiting.values()), default=0)):
        for path, lines in waiting.items():
            if turn < len(lines):
                yield path, *lines[turn]


def _plain(text: str) -> str:
    return " ".join(text.split())
