"""The built-in tools as an agent calls them, on real files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ToolDenied, ToolFailed, ToolInputInvalid
from core.provenance import Trust
from tools import ToolBroker, ToolResult
from tools.builtin import builtin_tools
from tools.meaning import MeaningSearch

Call = Callable[..., Awaitable[ToolResult]]


async def test_list_files(call: Call, folder: Path) -> None:
    (folder / ".env").write_text("x")
    result = await call("list_files")
    assert result.content.startswith("7 files\ncode.py\tpython\t")
    assert "1 hidden" in result.content
    only = await call("list_files", path="docs", name="*.md")
    assert "docs/plan.md" in only.content
    assert "page.html" not in only.content


async def test_a_linked_folder_lists_what_it_stands_for(call: Call, folder: Path) -> None:
    (folder / "alias").symlink_to("docs")
    for path in ("alias", "./docs/", "docs/../docs"):
        assert (await call("list_files", path=path)).content.startswith("2 files\ndocs/page.html")


async def test_list_files_pages(call: Call) -> None:
    first = await call("list_files", limit=3)
    assert "start=4" in first.content
    rest = await call("list_files", start=4)
    assert "docs/page.html" not in rest.content
    assert "start=" not in rest.content


async def test_read_file_numbers_lines_and_says_how_to_go_on(call: Call) -> None:
    result = await call("read_file", path="docs/plan.md", start=3, lines=1)
    assert result.content == (
        "docs/plan.md lines 3-3 (markdown)\n3\tThe launch is on 4 May.\n(more: call read_file with start=4)"
    )
    assert result.trust is Trust.UNTRUSTED
    assert [origin.id for origin in result.origins] == ["docs/plan.md"]
    last = await call("read_file", path="docs/plan.md", start=4)
    assert last.content.endswith("4\tWho: Ada and Bo.\n(end of file)")
    assert "no line 99" in (await call("read_file", path="docs/plan.md", start=99)).content


async def test_read_file_stays_within_its_room(call: Call, folder: Path) -> None:
    (folder / "long.txt").write_text("".join(f"line {number} {'x' * 50}\n" for number in range(1, 5000)))
    seen, start = list[str](), 1
    while start:
        result = await call("read_file", path="long.txt", start=start, lines=2000, characters=20_000)
        assert len(result.content) <= 20_000
        seen += [line.split("\t")[0] for line in result.content.split("\n") if "\t" in line]
        assert isinstance(result.data, dict)
        following = result.data["next"]
        start = following if isinstance(following, int) else 0
    assert seen == [str(number) for number in range(1, 5000)]


async def test_read_file_by_page(call: Call) -> None:
    result = await call("read_file", path="report.pdf", page=2)
    assert "4\tCosts fell in April" in result.content
    with pytest.raises(ToolInputInvalid, match="2 pages"):
        await call("read_file", path="report.pdf", page=3)
    with pytest.raises(ToolInputInvalid, match="only a PDF"):
        await call("read_file", path="notes.txt", page=1)


async def test_control_characters_are_shown_as_escapes(call: Call, folder: Path) -> None:
    (folder / "odd.txt").write_text("a\x1b[31mred\u202e\U000e0041 tab\there \u200d\n")
    content = (await call("read_file", path="odd.txt")).content
    assert "1\ta\\x1b[31mred\\u202e\\U000e0041 tab\there \u200d" in content


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("nothing.md", ToolFailed, "no such file"),
        ("docs", ToolFailed, "a folder"),
        ("blob.bin", ToolFailed, "binary"),
        ("../x", ToolDenied, "outside"),
        ("/etc/passwd", ToolDenied, "relative"),
    ],
)
async def test_what_cannot_be_read_says_why(
    call: Call, folder: Path, path: str, error: type[Exception], said: str
) -> None:
    (folder / "blob.bin").write_bytes(b"\0\1\2")
    with pytest.raises(error, match=said):
        await call("read_file", path=path)


async def test_search_files(call: Call) -> None:
    result = await call("search_files", pattern=r"launch|\bcosts? fell")
    assert "docs/plan.md:3: The launch is on 4 May." in result.content
    assert "report.pdf:4: Costs fell in April" in result.content
    exact = await call("search_files", pattern="Launch", ignore_case=False)
    assert exact.content.startswith("0 matching lines in 7 files")


async def test_search_files_in_one_file_and_with_a_limit(call: Call) -> None:
    assert (await call("search_files", pattern=".", path="notes.txt")).content.count("notes.txt:") == 2
    result = await call("search_files", pattern=".", limit=3)
    assert "there are more" in result.content
    with pytest.raises(ToolInputInvalid, match=r"pattern: look-around"):
        await call("search_files", pattern="(?=x)")


async def test_search_files_shows_the_place_in_a_long_line(call: Call, folder: Path) -> None:
    (folder / "min.js").write_text("x" * 5000 + "needle" + "y" * 5000)
    content = (await call("search_files", pattern="needle")).content
    assert "xneedley" in content
    assert len(content) < 500


async def test_search_meaning_finds_the_passage(call: Call) -> None:
    result = await call("search_meaning", query="When do we launch?")
    assert "docs/plan.md:1-4" in result.content.split("\n")[2]
    assert "3\tThe launch is on 4 May." in result.content


async def test_write_artifact_returns_bytes_to_store(call: Call) -> None:
    result = await call("write_artifact", name="report", content="# Ünï\n")
    assert result.content == "saved report.md (8 bytes)"
    assert result.artifacts[0].content == "# Ünï\n".encode()
    with pytest.raises(ToolInputInvalid):
        await call("write_artifact", name="../report", content="x")


async def test_calculate_is_typed(call: Call, broker: ToolBroker) -> None:
    assert (await call("calculate", expression="6 * 7")).data == 42
    assert broker.registry.get("calculate").spec.output_schema == {"type": "number"}


def test_every_tool_is_described_for_a_small_model() -> None:
    for tool in builtin_tools(MeaningSearch(None)):
        assert len(tool.spec.description) <= 110
        assert tool.spec.parameters["type"] == "object"
        assert tool.spec.parameters["additionalProperties"] is False
        assert "title" not in tool.spec.parameters


def rows(result: ToolResult) -> list[Any]:
    assert isinstance(result.data, dict)
    listed = result.data["rows"]
    assert isinstance(listed, list)
    return listed


async def test_read_table_keeps_quotes_and_reports_bad_rows(call: Call) -> None:
    result = await call("read_table", path="sales.csv", columns=["product", "code"])
    assert rows(result) == [
        {"product": "tea, green", "code": "007"},
        {"product": 'milk "fresh"', "code": "008"},
        {"product": "bread", "code": "009"},
        {"product": "two\nlines", "code": "010"},
    ]
    assert "1 bad row left out: line 5" in result.content
    assert "4 matching rows of 4" in result.content


async def test_read_table_aggregates_by_group(call: Call) -> None:
    result = await call(
        "read_table",
        path="sales.csv",
        group_by=["region"],
        aggregates=[{"function": "sum", "column": "price"}, {"function": "count"}],
        order_by="sum_price",
        descending=True,
    )
    assert rows(result) == [
        {"region": "north", "sum_price": 1203.75, "count": 2},
        {"region": "south", "sum_price": 2, "count": 2},
    ]
    assert "1 value of price left out: not a number" in result.content


@pytest.mark.parametrize(
    ("op", "value", "products"),
    [
        ("=", "north", 2),
        ("!=", "north", 2),
        ("contains", "SOU", 2),
        ("is_empty", None, 0),
        ("not_empty", None, 4),
        (">", "north", 2),
    ],
)
async def test_read_table_filters(call: Call, op: str, value: str | None, products: int) -> None:
    where = [{"column": "region", "op": op, "value": value}]
    assert len(rows(await call("read_table", path="sales.csv", where=where))) == products


async def test_read_table_compares_numbers_as_numbers(call: Call) -> None:
    where = [{"column": "price", "op": ">", "value": 10}, {"column": "code", "op": "=", "value": "009"}]
    assert [row["product"] for row in rows(await call("read_table", path="sales.csv", where=where))] == [
        "bread"
    ]


async def test_read_table_reads_json_lines(call: Call) -> None:
    result = await call("read_table", path="events.jsonl", order_by="n", descending=True)
    assert rows(result) == [{"kind": "b", "n": 2.5, "x": "[1]"}, {"kind": "a", "n": 1, "x": None}]
    assert "2 bad rows left out: line 2, 5" in result.content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "docs/page.html"}, "not a table"),
        ({"path": "sales.csv", "columns": ["prize"]}, "the columns are: region, product, price, code"),
        ({"path": "sales.csv", "aggregates": [{"function": "sum"}]}, "sum needs a column"),
        ({"path": "sales.csv", "group_by": ["x"]}, "no column"),
    ],
)
async def test_read_table_says_what_is_wrong(call: Call, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolInputInvalid, match=said):
        await call("read_table", **arguments)


async def test_read_table_statistics(call: Call, folder: Path) -> None:
    (folder / "n.tsv").write_text("n\tm\n" + "".join(f"{number}\t\n" for number in (0.1, 0.2, 0.3, 4)))
    functions = [
        {"function": name, "column": "n"} for name in ("sum", "mean", "min", "max", "median", "count")
    ]
    result = await call("read_table", path="n.tsv", aggregates=functions)
    assert rows(result) == [
        {"sum_n": 4.6, "mean_n": 1.15, "min_n": 0.1, "max_n": 4, "median_n": 0.25, "count_n": 4}
    ]


async def test_an_open_quote_does_not_swallow_the_file_silently(call: Call, folder: Path) -> None:
    (folder / "open.csv").write_text('a,b\n1,2\n"3,4\n5,6\n')
    result = await call("read_table", path="open.csv")
    assert "1 bad row left out: line 3-4" in result.content


async def test_survey_files_gives_names_and_numbers_and_no_content(call: Call, folder: Path) -> None:
    result = await call("survey_files", goal="When do we launch?", limit=2)
    assert isinstance(result.data, dict)
    files = result.data["files"]
    assert isinstance(files, list)
    assert isinstance(files[0], dict)
    assert files[0]["path"] == "docs/plan.md"
    assert len(files) == 2
    assert "launch is on" not in result.content + str(result.data)
