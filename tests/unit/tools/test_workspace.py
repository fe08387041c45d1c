"""What a workspace lists, what it leaves out and why, and how it reads each kind of file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import InvalidInput, ToolDenied, ToolFailed
from core.grant import Capabilities
from tools import Workspace, WorkspaceLimits
from tools.walk import WalkLimits


def kinds(workspace: Workspace) -> dict[str, str]:
    return {file.path: file.kind for file in workspace.inventory().files}


def skipped(workspace: Workspace) -> dict[str, str]:
    return {skip.path: skip.reason for skip in workspace.inventory().skipped}


def test_every_kind_is_recognised(workspace: Workspace) -> None:
    assert kinds(workspace) == {
        "code.py": "python",
        "docs/page.html": "html",
        "docs/plan.md": "markdown",
        "events.jsonl": "jsonl",
        "notes.txt": "text",
        "report.pdf": "pdf",
        "sales.csv": "csv",
    }


def test_what_is_left_out_is_named_with_its_reason(folder: Path) -> None:
    (folder / "photo.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "fake.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with (folder / "huge.log").open("wb") as huge:
        huge.truncate(200_000_000)
    (folder / ".git").mkdir()
    (folder / "node_modules").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to("/etc")
    (folder / "gone").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "same").symlink_to("docs")
    assert skipped(Workspace(folder)) == {
        "photo.bin": "binary",
        "fake.txt": "binary",
        "huge.log": "too_large",
        ".git": "hidden",
        "node_modules": "vendored",
        "pipe": "special_file",
        "out": "link_outside",
        "gone": "link_broken",
        "loop": "link_loop",
        "same": "link_duplicate",
    }
    assert "1 too large" in Workspace(folder).inventory().skip_summary()


def test_links_to_unlisted_places_inside_are_followed(folder: Path) -> None:
    (folder / ".store").mkdir()
    (folder / ".store" / "kept.md").write_text("kept")
    (folder / ".store" / "up").symlink_to("..")
    (folder / "shelf").symlink_to(".store")
    (folder / "one.md").symlink_to(".store/kept.md")
    listed = kinds(Workspace(folder))
    assert listed["one.md"] == "markdown"
    assert not any(path.count("/") > 1 for path in listed)


def test_truncation_is_said(folder: Path) -> None:
    inventory = Workspace(folder, WorkspaceLimits(walk=WalkLimits(files=3))).inventory()
    assert inventory.truncated
    assert len(inventory.files) == 3


def test_an_empty_file_is_text_without_lines(folder: Path) -> None:
    (folder / "empty.md").touch()
    assert Workspace(folder).text("empty.md").lines == []


@pytest.mark.parametrize("make", ["missing", "file", "empty"])
def test_a_useless_root_says_what_to_do(tmp_path: Path, make: str) -> None:
    target = tmp_path / "root"
    if make == "file":
        target.write_text("x")
    elif make == "empty":
        target.mkdir()
    with pytest.raises(InvalidInput, match=r"give|put"):
        Workspace(target)


@pytest.mark.parametrize(
    ("data", "text", "said"),
    [
        ("naïve".encode(), "naïve", False),
        ("\ufeffnaïve".encode(), "naïve", False),
        ("naïve".encode("utf-16"), "naïve", True),
        (b"na\xefve \x93quoted\x94", "naïve “quoted”", True),
        (b"na\xefve \x81", "naïve \x81", True),
    ],
)
def test_encodings(folder: Path, data: bytes, text: str, said: bool) -> None:
    (folder / "words.txt").write_bytes(data)
    document = Workspace(folder).text("words.txt")
    assert document.text == text
    assert bool(document.notes) == said


def test_pdf_has_page_lines(workspace: Workspace) -> None:
    assert workspace.text("report.pdf").lines == [
        "[page 1]",
        "Revenue grew in March",
        "[page 2]",
        "Costs fell in April",
    ]


@pytest.mark.parametrize("keep", [5, 20, 60])
def test_a_damaged_pdf_is_a_plain_failure(folder: Path, keep: int) -> None:
    data = (folder / "report.pdf").read_bytes()
    (folder / "cut.pdf").write_bytes(data[:keep] + b" garbage")
    with pytest.raises(ToolFailed, match="PDF"):
        Workspace(folder).text("cut.pdf")


def test_html_text_keeps_the_lines_of_the_file(folder: Path, workspace: Workspace) -> None:
    document = workspace.text("docs/page.html")
    raw = (folder / "docs/page.html").read_text().split("\n")
    place = document.find("milk")
    assert place is not None
    assert "milk" in raw[place.line - 1]
    assert document.find("One bold word") is not None
    assert document.find("hidden") is None
    assert document.find("unseen") is None


def test_html_on_one_line_becomes_one_line_per_block(folder: Path) -> None:
    (folder / "min.html").write_text("<p>" + "word " * 300 + "</p><p>Second <i>one</i></p>")
    document = Workspace(folder).text("min.html")
    assert document.numbering == "extracted"
    assert document.lines[1] == "Second one"


def test_deeply_nested_html_is_read_in_time(folder: Path) -> None:
    (folder / "deep.html").write_text("<div>" * 200_000 + "bottom")
    assert "bottom" in Workspace(folder).text("deep.html").text


def test_quotes_are_exact_and_nearest(folder: Path) -> None:
    (folder / "twice.md").write_text("same words\nother\nsame words\nlast\n")
    workspace = Workspace(folder)
    assert workspace.find_quote("twice.md", "same words") == (1, "same words")
    assert workspace.find_quote("twice.md", "same words", near_line=4) == (3, "same words")
    assert workspace.find_quote("twice.md", "words\nother", near_line=9) == (1, "words\nother")
    assert workspace.find_quote("twice.md", "Same words") is None
    assert workspace.find_quote("twice.md", "  ") is None
    assert workspace.find_quote("nothing.md", "same") is None


def test_carriage_returns_are_line_ends(workspace: Workspace) -> None:
    assert workspace.find_quote("notes.txt", "first line\nsecond") == (1, "first line\nsecond")
    assert workspace.find_quote("notes.txt", "line\r\nsecond", near_line=2) == (1, "line\nsecond")


def test_a_changed_file_is_read_anew(folder: Path, workspace: Workspace) -> None:
    assert workspace.text("code.py").lines[1] == "    return 42"
    (folder / "code.py").write_text("changed, and longer than before it was\n" * 3)
    assert workspace.text("code.py").lines[0].startswith("changed")


def test_narrowing_hides_the_rest(folder: Path, workspace: Workspace) -> None:
    (folder / "docs" / "alias.py").symlink_to("../code.py")
    narrow = workspace.narrowed(Capabilities(paths=frozenset({"docs"})))
    assert set(kinds(narrow)) == {"docs/page.html", "docs/plan.md"}
    for path in ("code.py", "docs/alias.py", "docs/../code.py"):
        with pytest.raises(ToolDenied):
            narrow.text(path)
    assert narrow.find_quote("code.py", "return 42") is None


def test_large_texts_are_streamed(folder: Path) -> None:
    workspace = Workspace(folder, WorkspaceLimits(document_bytes=10))
    with workspace.stream("notes.txt") as stream:
        assert list(stream.lines) == ["first line", "second line"]
    with pytest.raises(ToolFailed, match="larger"):
        workspace.text("notes.txt")
    assert workspace.find_quote("notes.txt", "line\nsecond", near_line=2) == (1, "line\nsecond")
    assert workspace.find_quote("notes.txt", "line", near_line=9) == (2, "line")
    assert workspace.find_quote("notes.txt", "third") is None
    assert workspace.file("notes.txt").size == 25


def test_files_that_may_not_be_read_are_skipped_and_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal of the system is played."""
    really_open = os.open

    def refusing(name: str, flags: int, *, dir_fd: int | None = None) -> int:
        if name == "code.py":
            raise PermissionError(13, "Permission denied")
        return really_open(name, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)
    assert skipped(Workspace(folder)) == {"code.py": "unreadable"}
    with pytest.raises(ToolFailed, match="permission"):
        Workspace(folder).text("code.py")


def test_names_are_shown_safely_and_read_back(folder: Path) -> None:
    name = "evil\x1b[31m\u202egnp\n.md"
    (folder / name).write_text("x")
    raw = os.fsencode(str(folder)) + b"/bad\xff.md"
    with open(raw, "w") as file:  # noqa: PTH123 - a name that is not text
        file.write("y")
    shown = kinds(Workspace(folder))
    assert "evil\\x1b[31m\\u202egnp\\x0a.md" in shown
    assert "bad\\xff.md" in shown
    for path in shown:
        assert Workspace(folder).text(path).path == path
