-- name: nearest
-- The clusters a new episode could join: those of the episodes nearest to it, and the newest ones, which the index
-- may not know of yet. A cluster of another embedder cannot be compared.
SELECT c.id, CASE WHEN c.embedder = %(embedder)s THEN 1 - (c.total <=> %(vector)s::vector) END AS similarity
FROM episode_cluster AS c
WHERE c.scope = %(scope)s AND (
    c.id IN (SELECT e.cluster_id FROM episode AS e WHERE e.id = ANY(%(near)s::uuid[]))
    OR c.id IN (
        SELECT n.id FROM episode_cluster AS n
        WHERE n.scope = %(scope)s AND n.embedder = %(embedder)s ORDER BY n.created_at DESC LIMIT %(newest)s
    )
)
ORDER BY similarity DESC NULLS LAST, c.id

-- name: clusters_of
SELECT e.id AS episode, e.cluster_id AS cluster FROM episode AS e
WHERE e.id = ANY(%(episodes)s::uuid[]) AND e.cluster_id IS NOT NULL

-- name: join
UPDATE episode_cluster
SET total = CASE WHEN embedder = %(embedder)s THEN total + %(vector)s::vector ELSE %(vector)s::vector END,
    embedder = %(embedder)s, size = size + 1
WHERE id = %(cluster)s

-- name: found
INSERT INTO episode_cluster (tenant_id, id, scope, embedder, total)
VALUES (%(tenant)s, %(cluster)s, %(scope)s, %(embedder)s, %(vector)s::vector)
