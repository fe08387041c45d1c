"""The vector index. Qdrant's adapter is imported from its module, because its client is slow to import."""

from memory.index.pgvector import PgVectorIndex

__all__ = ["PgVectorIndex"]
