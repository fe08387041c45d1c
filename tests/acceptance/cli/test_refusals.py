"""Bad input: exit status 2, nothing on stdout, and one paragraph on stderr that says what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.cli.conftest import Command, Finished, Server, one_paragraph
from tests.acceptance.cli.folders import FACTS, filled
from tools import Inventory, Workspace

GOAL = "What is the lighthouse keeper called?"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder that could be answered from, in the folder that everything else is in."""
    return filled(tmp_path / "given", FACTS[0])


def assert_refused(finished: Finished, said: str, status: int = 2) -> None:
    assert (finished.status, finished.out) == (status, "")
    assert one_paragraph(finished.err), finished.err
    assert said in finished.err


def test_a_folder_that_is_missing_empty_or_a_file(treehold: Command, given: Path) -> None:
    (given / "empty").mkdir()
    (given / "loop").symlink_to("loop")
    for name, said in {
        "nowhere": "there is no folder",
        "empty": "is empty: put files into it",
        "keeper.md": "is a file, not a folder: give the folder",
        "loop": "there is no folder",
    }.items():
        assert_refused(treehold("run", GOAL, "--files", str(given / name), "--json"), said)


def test_a_folder_without_anything_to_read(ask: Command, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 8)
    (tmp_path / ".hidden").write_text("no")
    assert_refused(ask(GOAL, tmp_path), "it only holds files that are skipped (1 binary, not text; 1 hidden")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the schema file"),
        ("{oops", "is not JSON"),
        ("[1]", "must hold a JSON object"),
        ('{"type": "objekt"}', "not a JSON Schema"),
        ('{"type": "string"}', "must describe an object"),
        ('{"type": "object", "properties": {"a": {"$ref": "https://example.org/a"}}}', "its own definitions"),
    ],
)
def test_a_schema_that_is_none(treehold: Command, given: Path, content: str | None, said: str) -> None:
    path = given.parent / "schema.json"
    if content is not None:
        path.write_text(content)
    assert_refused(treehold("run", GOAL, "--files", str(given), "--schema", str(path), "--json"), said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", GOAL, "--nonsense"], "No such option: --nonsense; see: treehold run --help"),
        (["run", GOAL, "--depth", "deep"], "--depth"),
        (["run", GOAL, "--budget-tokens", "-1"], "--budget-tokens"),
        (["run", GOAL, "--budget-cost", "inf"], "--budget-cost wants a number"),
        (["run", GOAL, "--deadline", "inf"], "--deadline wants a number"),
        (["run", GOAL, "--tag", "novalue"], "--tag wants name=value"),
        (["run"], "Missing argument 'goal'"),
        (["run", ""], "the goal is empty: say what you want done"),
        (["run", " \t "], "the goal is empty: say what you want done"),
        (["run", "\udcff"], "the goal is not text in UTF-8"),
        (["run", GOAL, "--base-url", "http://127.0.0.1:1/v1"], "--base-url needs --model"),
        (["run", GOAL, "--server", "http://127.0.0.1:1"], "give it with --key, or set TREEHOLD_KEY"),
        (["run", GOAL, "--server", "nonsense", "--key", "k"], "use http://host:port"),
        (["show", "nonsense"], "'nonsense' is not a task id: treehold tasks lists them"),
        (["nonsense"], "No such command 'nonsense'; see: treehold --help"),
    ],
)
def test_a_command_line_that_makes_no_sense(treehold: Command, arguments: list[str], said: str) -> None:
    assert_refused(treehold(*arguments), said)


def test_a_goal_for_the_offline_model_without_files(treehold: Command) -> None:
    assert_refused(
        treehold("run", GOAL), "the offline model can only quote files: name a folder with --files"
    )


def test_a_model_for_a_server_that_has_its_own(treehold: Command, server: Server, given: Path) -> None:
    run = ("run", GOAL, "--files", str(given))
    place = {"TREEHOLD_URL": server.url, "TREEHOLD_KEY": server.key}
    said = f"treehold up runs on this data folder at {server.url} and chooses the model; leave out --model"
    assert_refused(treehold(*run, "--model", "m"), said)
    said = "the server chooses the model; leave out --base-url, --api-key, --concurrency"
    options = ("--base-url", "http://127.0.0.1:1/v1", "--api-key", "k", "--concurrency", "3")
    assert_refused(treehold(*run, *options, TREEHOLD_MODEL="m", **place), said)
    assert treehold(*run, "--json", TREEHOLD_API_KEY="k", **place).status == 0


def test_a_port_that_is_taken(treehold: Command, server: Server) -> None:
    port = server.url.rpartition(":")[2]
    holder = f"treehold up serves this data folder at {server.url}"
    said = f"port {port} on 127.0.0.1 is taken: {holder}; name another with --port"
    assert_refused(treehold("up", "--port", port), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"model = [unclosed", "treehold.toml in this folder is not TOML"),
        (b"\xff\xfe", "treehold.toml in this folder is not TOML"),
        (b'modle = "x"', "there is no setting 'modle': correct or remove it in treehold.toml"),
        (b'port = "high"', "the setting port (treehold.toml, or TREEHOLD_PORT) is wrong"),
    ],
)
def test_broken_settings(
    treehold: Command, given: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    (given.parent / "treehold.toml").write_bytes(content)
    monkeypatch.chdir(given.parent)
    assert_refused(treehold("run", GOAL, "--files", str(given), "--json"), said)


def test_a_data_folder_that_cannot_be_written(treehold: Command, given: Path) -> None:
    for place in ("keeper.md", "keeper.md/data"):
        finished = treehold("run", GOAL, "--files", str(given), "--data", str(given / place))
        assert_refused(finished, "name another with --data or TREEHOLD_DATA_DIR")


def test_a_server_that_is_not_there_or_does_not_know_the_key(
    treehold: Command, server: Server, given: Path
) -> None:
    run = ("run", GOAL, "--files", str(given), "--json")
    dead = treehold(*run, "--server", "http://127.0.0.1:1", "--key", "k")
    assert_refused(dead, "http://127.0.0.1:1 does not answer", status=1)
    assert_refused(treehold(*run, "--server", server.url, "--key", "wrong"), "key")


@pytest.mark.parametrize(
    ("option", "limit"),
    [
        ("--budget-tokens", "tokens"),
        ("--budget-tool-calls", "tool_calls"),
        ("--depth", "depth"),
        ("--fanout", "fanout"),
    ],
)
def test_nothing_to_spend_is_a_task_that_is_not_done(
    ask: Command, given: Path, option: str, limit: str
) -> None:
    finished = ask(GOAL, given, option, "0")
    assert finished.status == 1
    assert one_paragraph(finished.err)
    assert option in finished.err
    report = json.loads(finished.out)
    assert (report["status"], report["stop_reason"]) == ("failed", limit)
    assert report["error"]["code"] == "budget_exhausted"


def test_a_goal_of_any_length_has_an_answer_or_a_reason(ask: Command, given: Path) -> None:
    assert_refused(ask("lighthouse " * 20_000, given), "goal")
    assert ask("lighthouse keeper " * 100, given).status == 0


def test_files_that_may_not_be_read_are_skipped(given: Path) -> None:
    """Seen as an ordinary user sees them, for root may read everything."""
    with TemporaryDirectory() as name:
        folder = filled(Path(name), *FACTS[:2])
        folder.chmod(0o755)
        (folder / "place.txt").chmod(0o000)
        inventory = as_an_ordinary_user(lambda: Workspace(folder).inventory())
    assert [file.path for file in inventory.files] == ["keeper.md"]
    assert inventory.skip_summary() == "1 permission denied"


def as_an_ordinary_user(look: Callable[[], Inventory]) -> Inventory:
    """On Linux a thread can have a file system identity of its own; it gives root's powers up with it."""
    found: list[Inventory] = []

    def work() -> None:
        CDLL(None).setfsuid(65534)
        found.append(look())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]
