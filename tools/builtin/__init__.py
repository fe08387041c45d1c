"""The tools that come with the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.builtin.calculate import Calculate
from tools.builtin.http_get import HttpGet
from tools.builtin.list_files import ListFiles
from tools.builtin.read_file import ReadFile
from tools.builtin.read_table import ReadTable
from tools.builtin.search_files import SearchFiles
from tools.builtin.search_meaning import SearchMeaning
from tools.builtin.survey_files import SurveyFiles
from tools.builtin.wait import Wait
from tools.builtin.write_artifact import WriteArtifact
from tools.meaning import MeaningSearch
from tools.ports import Tool

if TYPE_CHECKING:
    from tools.fetch import Fetcher

__all__ = [
    "Calculate",
    "HttpGet",
    "ListFiles",
    "ReadFile",
    "ReadTable",
    "SearchFiles",
    "SearchMeaning",
    "SurveyFiles",
    "Wait",
    "WriteArtifact",
    "builtin_tools",
]


def builtin_tools(search: MeaningSearch, *, fetcher: Fetcher | None = None) -> tuple[Tool, ...]:
    """All of them. `http_get` stays out of reach until a grant names hosts, `wait` until it is asked for."""
    return (
        Calculate(),
        HttpGet(fetcher),
        ListFiles(),
        ReadFile(),
        ReadTable(),
        SearchFiles(),
        SearchMeaning(search),
        SurveyFiles(search),
        Wait(),
        WriteArtifact(),
    )
