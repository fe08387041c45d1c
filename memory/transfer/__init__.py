"""Export and import of memory as JSON lines; the format is told in docs/memory.md."""

from memory.transfer.exporting import Exporting
from memory.transfer.importing import Importing
from memory.transfer.model import SCHEMA_VERSION, BadLine, Imported

__all__ = ["SCHEMA_VERSION", "BadLine", "Exporting", "Imported", "Importing"]
