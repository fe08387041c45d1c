-- name: extension_version
SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'

-- name: lock
-- Writers of the same points take turns: they count the same terms.
SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s::text || %(collection)s || %(generation)s, 0))

-- name: upsert
INSERT INTO vector_point (tenant_id, collection, generation, id, vector, payload, terms, weights, digest)
SELECT %(tenant)s, %(collection)s, %(generation)s, id, vector::vector, payload::jsonb, terms::integer[],
    weights::sparsevec, digest
FROM unnest(
    %(ids)s::uuid[], %(vectors)s::text[], %(payloads)s::text[], %(terms)s::text[], %(weights)s::text[],
    %(digests)s::text[]
) AS point (id, vector, payload, terms, weights, digest)
ORDER BY id
ON CONFLICT (tenant_id, collection, generation, id) DO UPDATE
SET vector = excluded.vector, payload = excluded.payload, terms = excluded.terms, weights = excluded.weights,
    digest = excluded.digest
WHERE vector_point.vector IS DISTINCT FROM excluded.vector OR vector_point.digest <> excluded.digest

-- name: tune
-- For this transaction. Each search is planned for its own filter, and conditions that hold anyway fall away.
-- A walk of the graph goes on until it has found enough rows of the tenant, nearest first.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('hnsw.ef_search', %(breadth)s::text, true),
    set_config('hnsw.max_scan_tuples', %(scanned)s::text, true),
    words_asked(%(collection)s, %(generation)s, %(terms)s::integer[], %(counts)s::real[]) AS asked

-- name: matching
-- How many points a search is about, counted no further than `most`.
SELECT count(*) AS points
FROM (
    SELECT FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
        AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
        AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
    LIMIT %(most)s
) AS point

-- name: search_exactly
-- Every point is compared; the nearest and those whose words fit best.
WITH point AS MATERIALIZED (
    SELECT id, payload, 1 - (vector <=> %(vector)s::vector) AS similarity,
        coalesce(-(weights <#> %(asked)s::sparsevec), 0) AS words
    FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
        AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
        AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
),
best AS (
    (SELECT id FROM point ORDER BY similarity DESC, id LIMIT %(limit)s)
    UNION
    (SELECT id FROM point WHERE words > 0 ORDER BY words DESC, id LIMIT %(limit)s)
)
SELECT point.* FROM point JOIN best USING (id)

-- name: search_graph
-- The graph knows nothing of tenants: it finds the nearest of all, and row-level security drops the others.
WITH near AS MATERIALIZED (
    SELECT id
    FROM vector_point
    WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
        AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
        AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))
        AND vector_dims(vector) = 384
    ORDER BY vector::vector(384) <=> %(vector)s::vector
    LIMIT %(limit)s
)
SELECT point.id, point.payload, 1 - (point.vector <=> %(vector)s::vector) AS similarity,
    coalesce(-(point.weights <#> %(asked)s::sparsevec), 0) AS words,
    (SELECT count(*) FROM near) AS near
FROM (
    SELECT id FROM near
    UNION
    SELECT id FROM search_words(
        %(collection)s, %(generation)s, %(asked)s::text, %(terms)s::integer[], %(scopes)s::text[],
        %(where)s::jsonb, %(candidates)s::integer, %(limit)s::integer
    ) WHERE %(asked)s::text IS NOT NULL
) AS best
JOIN vector_point AS point
    ON point.tenant_id = %(tenant)s AND point.collection = %(collection)s
    AND point.generation = %(generation)s AND point.id = best.id

-- name: neighbours
SELECT point.id, point.payload, 1 - (point.vector <=> %(vector)s::vector) AS similarity,
    coalesce(-(point.weights <#> %(asked)s::sparsevec), 0) AS words
FROM (
    SELECT DISTINCT thread, position FROM unnest(%(threads)s::text[], %(positions)s::integer[])
    AS place (thread, position)
) AS place
JOIN vector_point AS point
    ON point.tenant_id = %(tenant)s AND point.collection = %(collection)s
    AND point.generation = %(generation)s AND point.thread = place.thread AND point.position = place.position
WHERE (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s))
    AND (%(where)s::jsonb = '{}' OR payload_allows(payload, %(where)s))

-- name: delete
DELETE FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
    AND id = ANY(%(ids)s)

-- name: count
SELECT count(*) AS points FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s

-- name: digests
SELECT id, digest FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
    AND id = ANY(%(ids)s)

-- name: listed
SELECT id FROM vector_point
WHERE tenant_id = %(tenant)s AND collection = %(collection)s AND generation = %(generation)s
    AND id > %(last)s
ORDER BY id
LIMIT %(most)s

-- name: destroy
SELECT drop_index_points(%(generation)s, %(most)s) AS dropped
