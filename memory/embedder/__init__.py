"""Text to vectors."""

from memory.embedder.minilm import MiniLm

__all__ = ["MiniLm"]
