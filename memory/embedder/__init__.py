"""Text to vectors."""

from memory.embedder.cached import CachedEmbedder
from memory.embedder.minilm import MiniLm

__all__ = ["CachedEmbedder", "MiniLm"]
