"""The catalogue: records of every kind as they are shown: one by one, in pages, and with their lineage."""

from memory.catalogue.lineage import Lineage, Link, Showing, Version, lineage
from memory.catalogue.model import EpisodeRecord, InsightRecord, NoteRecord, Record, Step
from memory.catalogue.repository import page, read

__all__ = [
    "EpisodeRecord",
    "InsightRecord",
    "Lineage",
    "Link",
    "NoteRecord",
    "Record",
    "Showing",
    "Step",
    "Version",
    "lineage",
    "page",
    "read",
]
