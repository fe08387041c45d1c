"""Vector indexes: pgvector and Qdrant behind one port."""

from memory.index.pgvector import PgVectorIndex
from memory.index.qdrant import QdrantIndex

__all__ = ["PgVectorIndex", "QdrantIndex"]
