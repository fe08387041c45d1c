"""Search: what somebody looks for in memory, by meaning and by words, with the guard's verdicts."""

from memory.search.model import Found, SearchResult
from memory.search.service import KINDS, Search

__all__ = ["KINDS", "Found", "Search", "SearchResult"]
