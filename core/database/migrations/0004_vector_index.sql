-- The vector index in Postgres: a copy of what records say, which can be rebuilt from them.

-- One row per record and embedder; vectors of one embedder are never compared with another's.
CREATE TABLE vector_point (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    embedder text NOT NULL,
    id uuid NOT NULL,
    vector public.vector NOT NULL,
    payload jsonb NOT NULL,
    -- A column of its own: under row-level security an index serves leakproof operators only, and = on text is
    -- one where @> on jsonb is not.
    scope text GENERATED ALWAYS AS (payload ->> 'scope') STORED,
    PRIMARY KEY (tenant_id, collection, embedder, id)
);
CREATE INDEX vector_point_scope ON vector_point (tenant_id, collection, embedder, scope);
-- Vectors stay in their rows: comparing many reads them all.
ALTER TABLE vector_point ALTER COLUMN vector SET STORAGE PLAIN;
CALL protect('vector_point');

-- HNSW needs one length. Vectors of other lengths are searched exactly.
CREATE INDEX vector_point_nearest_384 ON vector_point
USING hnsw ((vector::public.vector(384)) public.vector_cosine_ops)
WHERE public.vector_dims(vector) = 384;

-- Whether a payload has, for each key, one of the values that are asked for.
CREATE FUNCTION payload_allows(payload jsonb, allowed jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT EXISTS (
    SELECT FROM jsonb_each(allowed) AS wanted WHERE NOT coalesce(wanted.value ? (payload ->> wanted.key), false)
);
