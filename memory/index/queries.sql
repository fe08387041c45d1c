-- name: upsert
INSERT INTO vector_point (tenant_id, collection, embedder, id, vector, payload)
SELECT %(tenant)s, %(collection)s, %(embedder)s, point.id, point.vector::public.vector, point.payload::jsonb
FROM unnest(%(ids)s::uuid[], %(vectors)s::text[], %(payloads)s::text[]) AS point (id, vector, payload)
ON CONFLICT (tenant_id, collection, embedder, id)
DO UPDATE SET vector = excluded.vector, payload = excluded.payload

-- name: tune
SELECT
    set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('hnsw.ef_search', %(width)s::text, true),
    set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: matching
-- How many points a search would compare, counted up to `most`.
SELECT count(*) AS points
FROM (
    SELECT 1 FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
        AND (NOT %(where)s::jsonb ? 'scope' OR scope = %(where)s::jsonb ->> 'scope')
        AND payload @> %(where)s::jsonb
    LIMIT %(most)s
) AS found

-- name: exact
-- Compares every point that matches; materialised, so that the planner cannot take the HNSW index.
WITH found AS MATERIALIZED (
    SELECT id, payload, vector OPERATOR(public.<=>) %(vector)s::public.vector AS distance
    FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
        AND (NOT %(where)s::jsonb ? 'scope' OR scope = %(where)s::jsonb ->> 'scope')
        AND payload @> %(where)s::jsonb
)
SELECT id, payload, 1 - distance AS similarity FROM found ORDER BY distance, id LIMIT %(limit)s

-- name: nearest
-- Through the HNSW index. The order of equally near points is made certain afterwards.
SELECT id, payload, 1 - (vector OPERATOR(public.<=>) %(vector)s::public.vector) AS similarity
FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
    AND (NOT %(where)s::jsonb ? 'scope' OR scope = %(where)s::jsonb ->> 'scope')
    AND payload @> %(where)s::jsonb
ORDER BY vector OPERATOR(public.<=>) %(vector)s::public.vector
LIMIT %(limit)s

-- name: delete
DELETE FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
    AND id = ANY(%(ids)s)

-- name: count
SELECT count(*) AS points FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
