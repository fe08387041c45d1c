"""Nothing outside the folder is opened, whatever the path or the links say."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.errors import ToolDenied, ToolError
from tools.beneath import PathRefused, normalised, opened
from tools.workspace import Workspace

SECRET = "the secret outside"

_CLIMBS = [
    f"{prefix}{'../' * depth}{target}"
    for prefix in ("", "./", "docs/", "docs/deep/", "docs/../")
    for depth in (2, 3, 8)
    for target in ("outside/secret.txt", "etc/shadow")
]
_ABSOLUTE = [
    *("/etc/passwd", "//etc/passwd", "/", "/proc/self/environ", "/proc/self/root/etc/passwd"),
    *("/proc/1/environ", "/proc/self/cwd/../etc/passwd", "/dev/zero", "/dev/stdin", "/dev/fd/0"),
    *("/./etc/passwd", "/../etc/passwd", "///etc/shadow"),
]
_LINKS = [
    *("link_file", "link_folder/secret.txt", "link_folder", "link_absolute", "link_root/etc/passwd"),
    *("link_proc/environ", "link_proc/root/etc/passwd", "link_fd/0", "docs/link_up/outside/secret.txt"),
    *("docs/link_up", "link_chain", "link_chain_2", "loop_a", "loop_b", "loop_self", "loop_self/x"),
    *("docs/../link_folder/secret.txt", "link_folder/../outside/secret.txt", "link_root", "link_dangling"),
]
_ODD = [
    *("", "..", "../", "../..", "docs/../..", "docs/../../outside", "a\0b", "docs/a.md\0.txt", "x" * 5000),
    *("~/.ssh/id_rsa", "~root/.bashrc", "$HOME/.profile", "%2e%2e/outside/secret.txt"),
    *("..%2foutside%2fsecret.txt", "%252e%252e/outside/secret.txt", "..\\outside\\secret.txt"),
    *("\\\\host\\share", "C:\\Windows\\win.ini", "file:///etc/passwd", "file:../outside/secret.txt"),
    *("docs/a.md/../../../outside/secret.txt", "docs/a.md/", "docs/a.md/.", "docs/a.md/x", "pipe", "socket"),
    *("\uff0e\uff0e/outside/secret.txt", "..\u2215outside\u2215secret.txt", ". ./outside/secret.txt"),
    *("\\x2e\\x2e/outside/secret.txt", "\\x2fetc\\x2fpasswd", "\\u002e\\u002e/outside/secret.txt"),
    *("docs\\x2f..\\x2f..\\x2foutside\\x2fsecret.txt", "link\\x5ffolder/secret.txt", "x" * 300),
]
HOSTILE = [*_CLIMBS, *_ABSOLUTE, *_LINKS, *_ODD]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outside, root = tmp_path / "outside", tmp_path / "work"
    (root / "docs" / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    for name in LEGITIMATE_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("inside\n")
    links = {
        "link_file": "../outside/secret.txt",
        "link_folder": "../outside",
        "link_absolute": str(outside / "secret.txt"),
        "link_root": "/",
        "link_proc": "/proc/self",
        "link_fd": "/dev/fd",
        "docs/link_up": "../..",
        "link_chain": "link_chain_2",
        "link_chain_2": "docs/link_up/outside/secret.txt",
        "loop_a": "loop_b",
        "loop_b": "loop_a",
        "loop_self": "loop_self",
        "link_dangling": "nowhere",
        "inner_file": "docs/a.md",
        "inner_folder": "docs",
        "inner_absolute": str(root / "docs" / "a.md"),
        "docs/inner_up": "../top.txt",
        "docs/deep/inner_far": "../../docs/../top.txt",
        "inner_chain": "inner_folder/inner_up",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "pipe")
    os.mknod(root / "socket", 0o140600)
    return root


LEGITIMATE_FILES = [
    *("top.txt", "docs/a.md", "docs/deep/b.rst", "with space.txt", "docs/deep/with space/c d.txt"),
    *("ünïcode.txt", "日本語/文書.md", "emoji 🎉.txt", "...", "..a", "a..b", "a..", ".hidden"),
    *("-dash", "quote'.txt", 'double".txt', "semi;colon", "dollar$HOME", "back\\slash.txt", "%2e%2e"),
    *("~tilde", ".config/x.toml"),
    *("tab\tname.txt", "line\nfeed.txt", "bell\x07.txt", "c:drive.txt", "x" * 250, "etc/passwd", "proc/self"),
]
LEGITIMATE = [
    *LEGITIMATE_FILES,
    *("./top.txt", "docs/../top.txt", "docs/./a.md", "docs//a.md", "docs/deep/../a.md", "././docs/a.md"),
    *("inner_file", "inner_folder/a.md", "inner_absolute", "docs/inner_up", "docs/deep/inner_far"),
    *("inner_chain", "inner_folder/deep/../a.md", "docs/deep/../../top.txt"),
    *("tab\\x09name.txt", "line\\x0afeed.txt", "bell\\x07.txt"),
]


def test_suites_are_large_enough() -> None:
    assert len(set(HOSTILE)) >= 80
    assert len(set(LEGITIMATE)) >= 40


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_read_nothing(folder: Path, path: str) -> None:
    with pytest.raises(ToolError) as caught:
        Workspace(folder).text(path)
    assert SECRET not in str(caught.value)
    assert str(folder.parent) not in str(caught.value).replace(path, "")


@pytest.mark.parametrize("path", LEGITIMATE)
def test_legitimate_paths_are_read(folder: Path, path: str) -> None:
    assert Workspace(folder).text(path).lines == ["inside"]


def test_outside_is_a_denial_not_a_missing_file(folder: Path) -> None:
    for path in ("../outside/secret.txt", "link_folder/secret.txt", "/etc/passwd"):
        with pytest.raises(ToolDenied):
            Workspace(folder).text(path)


def test_a_swap_of_file_and_link_never_leads_outside(folder: Path) -> None:
    """One thread swaps a folder for a link to outside while another reads through it."""
    victim, spare = folder / "swap", folder / "spare"
    victim.mkdir()
    (victim / "secret.txt").write_text("inside")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            victim.rename(spare)
            victim.symlink_to("../outside")
            victim.unlink()
            spare.rename(victim)

    swapper = threading.Thread(target=swap)
    swapper.start()
    read: set[str] = set()
    try:
        for _ in range(3000):
            try:
                with opened(str(folder), "swap/secret.txt") as found:
                    read.add(os.read(found.descriptor, 100).decode())
            except PathRefused:
                continue
    finally:
        done.set()
        swapper.join()
    assert read <= {"inside"}


def test_no_descriptor_is_left_open(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (*HOSTILE, *LEGITIMATE):
        try:
            Workspace(folder).text(path)
        except ToolError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("path", "plain"),
    [("a/./b//c", "a/b/c"), ("a/../b", "b"), (".", "."), ("a/..", "."), ("./x/", "x")],
)
def test_normalised(path: str, plain: str) -> None:
    assert normalised(path) == plain
