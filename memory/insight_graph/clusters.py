"""Kinds of work: an episode joins the nearest cluster, or founds one. No cluster is ever rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from core.database import UnitOfWork, queries
from core.ids import RecordId, derived

SQL = queries.load(__file__, "clusters.sql")

SAME_KIND = 0.6
"""Cosine from which a goal belongs to a cluster; paraphrases lie above it with MiniLM."""

NEWEST = 50
"""Clusters looked at besides those of near episodes; no more are founded while the index catches up."""


async def join(
    work: UnitOfWork,
    episode: RecordId,
    *,
    scope: str,
    vector: NDArray[np.float32],
    embedder: str,
    near: Mapping[RecordId, float],
) -> UUID:
    """Put a new episode into its cluster. The tenant's memory must be held, so that two found no twins.

    Args:
        work: the caller's unit of work.
        episode: the new one.
        scope: its scope; clusters lie in one.
        vector: of its goal, of length 1.
        embedder: whose vector that is.
        near: the nearest episodes and their similarity, for clusters that another embedder made.
    """
    row = {
        "tenant": work.tenant,
        "scope": scope,
        "embedder": embedder,
        "vector": orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode(),
    }
    found = await work.fetch_all(SQL.nearest, {**row, "near": list(near), "newest": NEWEST})
    similarity: dict[UUID, float] = {
        one["id"]: one["similarity"] for one in found if one["similarity"] is not None
    }
    if len(similarity) < len(found):
        members = await work.fetch_all(SQL.clusters_of, {"episodes": list(near)})
        for member in members:
            cluster = member["cluster"]
            similarity[cluster] = max(similarity.get(cluster, -1.0), near[member["episode"]])
    best = max(similarity, key=lambda cluster: similarity[cluster], default=None)
    if best is not None and similarity[best] >= SAME_KIND:
        await work.execute(SQL.join, {**row, "cluster": best})
        return best
    founded = derived(episode, "cluster")
    await work.execute(SQL.found, {**row, "cluster": founded})
    return founded
