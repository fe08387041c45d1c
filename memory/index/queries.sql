-- name: extension_version
SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'

-- name: upsert
INSERT INTO vector_point (tenant_id, collection, embedder, id, vector, payload)
SELECT %(tenant)s, %(collection)s, %(embedder)s, id, vector::vector, payload::jsonb
FROM unnest(%(ids)s::uuid[], %(vectors)s::text[], %(payloads)s::text[]) AS point (id, vector, payload)
ORDER BY id
ON CONFLICT (tenant_id, collection, embedder, id) DO UPDATE
SET vector = excluded.vector, payload = excluded.payload
WHERE vector_point.vector IS DISTINCT FROM excluded.vector
    OR vector_point.payload IS DISTINCT FROM excluded.payload

-- name: matching
-- How many points a search is about, counted no further than `most`.
SELECT count(*) AS points
FROM (
    SELECT FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
        AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
        AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
    LIMIT %(most)s
) AS point

-- name: search_exactly
SELECT id, payload, 1 - (vector <=> %(vector)s::vector) AS similarity
FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
    AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
    AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
ORDER BY similarity DESC, id
LIMIT %(limit)s

-- name: tune
-- For this transaction. Each search is planned for its own filter, and conditions that hold anyway fall away.
-- A walk of the graph goes on until it has found enough rows of the tenant, nearest first.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('hnsw.ef_search', %(breadth)s::text, true),
    set_config('hnsw.max_scan_tuples', %(most)s::text, true)

-- name: search_graph
-- The graph knows nothing of tenants: it finds the nearest of all, and row-level security drops the others.
SELECT id, payload, 1 - distance AS similarity
FROM (
    SELECT id, payload, vector::vector(384) <=> %(vector)s::vector AS distance
    FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s
        AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
        AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
        AND vector_dims(vector) = 384
    ORDER BY distance
    LIMIT %(limit)s
) AS nearest
ORDER BY distance, id

-- name: delete
DELETE FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s AND id = ANY(%(ids)s)

-- name: count
SELECT count(*) AS points FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s

-- name: present
SELECT id FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND embedder = %(embedder)s AND id = ANY(%(ids)s)
