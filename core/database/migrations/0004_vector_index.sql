-- The vector index in Postgres: a copy of what records say, which can be rebuilt from them.

-- One row per record and embedder; vectors of one embedder are never compared with another's.
CREATE TABLE vector_point (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    embedder text NOT NULL,
    id uuid NOT NULL,
    vector public.vector NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (tenant_id, collection, embedder, id)
);
CALL protect('vector_point');

-- HNSW needs one length. Vectors of other lengths are searched exactly.
CREATE INDEX vector_point_nearest_384 ON vector_point
USING hnsw ((vector::public.vector(384)) public.vector_cosine_ops)
WHERE public.vector_dims(vector) = 384;
