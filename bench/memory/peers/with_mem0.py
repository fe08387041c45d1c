"""mem0 with pgvector and without a model: fills its store, searches, prints the seconds of each search.

The embedder is a table of the vectors that were made before, so that what is timed is mem0's own path.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path

import numpy as np
from mem0 import Memory

CHUNK = 1_000
USER = "bench"


class Known:
    """An embedder for the questions that will be asked."""

    def __init__(self, folder: Path) -> None:
        texts = json.loads((folder / "questions.json").read_text())
        self.vectors = dict(zip(texts, np.load(folder / "questions.npy").tolist(), strict=True))

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self.vectors[text]


def opened(folder: Path) -> Memory:
    postgres = json.loads((folder / "postgres.json").read_text())
    memory = Memory.from_config(
        {
            "vector_store": {
                "provider": "pgvector",
                "config": {
                    "dbname": postgres["dbname"],
                    "user": postgres["user"],
                    "password": postgres.get("password", ""),
                    "host": postgres["host"],
                    "port": int(postgres["port"]),
                    "embedding_model_dims": 384,
                    "hnsw": True,
                    "diskann": False,
                },
            },
            "embedder": {"provider": "openai", "config": {"embedding_dims": 384}},
            "llm": {"provider": "openai"},
            "history_db_path": str(folder / "history.db"),
        }
    )
    memory.embedding_model = Known(folder)
    return memory


def main() -> None:
    folder = Path(sys.argv[1])
    memory = opened(folder)
    vectors = np.load(folder / "vectors.npy")
    texts = json.loads((folder / "texts.json").read_text())
    for start in range(0, len(texts), CHUNK):
        some = texts[start : start + CHUNK]
        memory.vector_store.insert(
            vectors=vectors[start : start + CHUNK].tolist(),
            payloads=[
                {"data": text, "user_id": USER, "hash": str(at)} for at, text in enumerate(some, start)
            ],
            ids=[str(uuid.UUID(int=1 + at)) for at in range(start, start + len(some))],
        )
    seconds = []
    for question in json.loads((folder / "questions.json").read_text()):
        began = time.perf_counter()
        found = memory.search(question, top_k=10, filters={"user_id": USER})
        seconds.append(time.perf_counter() - began)
        assert found["results"], "nothing was found"
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
