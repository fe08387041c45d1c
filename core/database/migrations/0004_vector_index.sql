-- The vector index, for installations that keep it in Postgres. It can be rebuilt from episodes and insights.

CREATE TABLE vector_point (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    embedder text NOT NULL,
    id uuid NOT NULL,
    vector public.vector(384) NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    -- Of its own, because row-level security lets an index be searched by leakproof operators only: = on text
    -- is one, @> on jsonb is not.
    scope text GENERATED ALWAYS AS (payload ->> 'scope') STORED,
    PRIMARY KEY (tenant_id, collection, embedder, id)
);
-- Kept in the row: an exact scan reads every vector.
ALTER TABLE vector_point ALTER COLUMN vector SET STORAGE PLAIN;
CREATE INDEX vector_point_scope ON vector_point (tenant_id, collection, embedder, scope);
CREATE INDEX vector_point_nearest ON vector_point USING hnsw (vector public.vector_cosine_ops);
CALL protect('vector_point');
