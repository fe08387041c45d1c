-- The index in Postgres: a copy of what records say, which can be rebuilt from them.

-- One row per record and generation of the index. `vector` says what the record's text means; `terms` and
-- `weights` which words it has: numbers of words, made for each tenant and collection, and what each is worth
-- (BM25 without the rarity of the word).
CREATE TABLE vector_point (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    generation text NOT NULL,
    id uuid NOT NULL,
    vector public.vector NOT NULL,
    payload jsonb NOT NULL,
    terms integer[] NOT NULL,
    weights public.sparsevec NOT NULL,
    digest text NOT NULL,
    -- Columns of their own: under row-level security an index serves leakproof operators only, and = on text is
    -- one where @> on jsonb is not.
    scope text GENERATED ALWAYS AS (payload ->> 'scope') STORED,
    thread text GENERATED ALWAYS AS (payload ->> 'thread') STORED,
    position integer GENERATED ALWAYS AS (
        CASE WHEN payload ->> 'position' ~ '^[0-9]{1,9}$' THEN (payload ->> 'position')::integer END
    ) STORED,
    PRIMARY KEY (tenant_id, collection, generation, id)
);
CREATE INDEX vector_point_scope ON vector_point (tenant_id, collection, generation, scope);
CREATE INDEX vector_point_thread ON vector_point (tenant_id, collection, generation, thread, position)
WHERE thread IS NOT NULL;
-- Without a list of pending entries, which every search would have to read through.
CREATE INDEX vector_point_terms ON vector_point USING gin (terms) WITH (fastupdate = off);
-- Vectors stay in their rows: comparing many reads them all.
ALTER TABLE vector_point ALTER COLUMN vector SET STORAGE PLAIN;
CALL protect('vector_point');
CALL open_to_engine('vector_point', 'SELECT, DELETE');

-- HNSW needs one length; vectors of other lengths are searched exactly. A graph for each collection, because a
-- search for the few of one would be lost among the many of another.
DO $$
DECLARE
    kind text;
    length integer;
BEGIN
    FOREACH length IN ARRAY ARRAY[384, 768, 1024, 1536] LOOP
        FOREACH kind IN ARRAY ARRAY['episode', 'insight', 'note'] LOOP
            EXECUTE format(
                'CREATE INDEX vector_point_nearest_%1$s_%2$s ON vector_point '
                'USING hnsw ((vector::public.vector(%1$s)) public.vector_cosine_ops) '
                'WHERE public.vector_dims(vector) = %1$s AND collection = %2$L',
                length,
                kind
            );
        END LOOP;
    END LOOP;
END;
$$;

-- How many records have a term; term 0 counts the records themselves.
CREATE TABLE term_count (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    generation text NOT NULL,
    term integer NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (tenant_id, collection, generation, term)
) WITH (fillfactor = 70);
CALL protect('term_count');
CALL open_to_engine('term_count', 'SELECT, INSERT, UPDATE, DELETE');

CREATE FUNCTION count_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO term_count AS c (tenant_id, collection, generation, term, records)
        SELECT a.tenant_id, a.collection, a.generation, row.term, count(*)
        FROM added AS a, unnest(0 || a.terms) AS row (term)
        GROUP BY a.tenant_id, a.collection, a.generation, row.term
        ORDER BY a.tenant_id, a.collection, a.generation, row.term
        ON CONFLICT (tenant_id, collection, generation, term) DO UPDATE
        SET records = c.records + excluded.records;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        WITH gone AS (
            SELECT r.tenant_id, r.collection, r.generation, row.term, count(*) AS records
            FROM removed AS r, unnest(0 || r.terms) AS row (term)
            GROUP BY r.tenant_id, r.collection, r.generation, row.term
        ),
        locked AS (
            SELECT c.tenant_id, c.collection, c.generation, c.term
            FROM term_count AS c
            JOIN gone AS g USING (tenant_id, collection, generation, term)
            ORDER BY c.tenant_id, c.collection, c.generation, c.term
            FOR UPDATE OF c
        )
        UPDATE term_count AS c
        SET records = c.records - g.records
        FROM gone AS g
        JOIN locked AS l USING (tenant_id, collection, generation, term)
        WHERE c.tenant_id = g.tenant_id AND c.collection = g.collection AND c.generation = g.generation
            AND c.term = g.term;
        DELETE FROM term_count AS c
        USING removed AS r
        WHERE c.tenant_id = r.tenant_id AND c.collection = r.collection AND c.generation = r.generation
            AND c.term = ANY(0 || r.terms) AND c.records <= 0;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER terms_added AFTER INSERT ON vector_point
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_terms();
CREATE TRIGGER terms_changed AFTER UPDATE ON vector_point
REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_terms();
CREATE TRIGGER terms_removed AFTER DELETE ON vector_point
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_terms();

-- Whether a payload has, for each key, one of the values that are asked for.
CREATE FUNCTION payload_allows(payload jsonb, allowed jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT EXISTS (
    SELECT FROM jsonb_each(allowed) AS wanted WHERE NOT coalesce(wanted.value ? (payload ->> wanted.key), false)
);

-- The terms of a question with what each is worth: the rarer, the more. NULL where no record has any of them.
CREATE FUNCTION words_asked(p_collection text, p_generation text, p_terms integer[], p_counts real[])
RETURNS text
LANGUAGE sql STABLE SET search_path = treehold, pg_temp
AS $$
    SELECT '{' || string_agg(
        c.term || ':' || asked.times * ln(1 + (total.records - c.records + 0.5) / (c.records + 0.5)), ','
        ORDER BY c.term
    ) || '}/1000000000'
    FROM unnest(p_terms, p_counts) AS asked (term, times)
    JOIN term_count AS c ON c.term = asked.term
    JOIN term_count AS total
        ON total.tenant_id = c.tenant_id AND total.collection = c.collection
        AND total.generation = c.generation AND total.term = 0
    WHERE c.tenant_id = current_tenant() AND c.collection = p_collection AND c.generation = p_generation
$$;

-- The records whose words fit a question best. It runs past row-level security, under which no index of an
-- array can be used, and so binds itself to the tenant; who calls it reads the records' rows as itself.
-- Only records with a rare term are looked at, about `p_most` of them: common words alone find nothing.
CREATE FUNCTION search_words(
    p_collection text, p_generation text, p_asked text, p_terms integer[], p_scopes text[], p_where jsonb,
    p_most integer, p_limit integer
)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = treehold, pg_temp
SET plan_cache_mode = 'force_custom_plan'
SET enable_seqscan = off
SET enable_indexscan = off
AS $$
DECLARE
    asked CONSTANT public.sparsevec := p_asked::public.sparsevec;
    rare integer[];
BEGIN
    SELECT array_agg(c.term) INTO rare
    FROM (
        SELECT t.term, t.records, sum(t.records) OVER rarest AS running, row_number() OVER rarest AS place
        FROM term_count AS t
        WHERE t.tenant_id = current_tenant() AND t.collection = p_collection AND t.generation = p_generation
            AND t.term = ANY(p_terms)
        WINDOW rarest AS (ORDER BY t.records, t.term)
    ) AS c
    WHERE c.running <= p_most OR (c.place = 1 AND c.records <= 4 * p_most);
    IF rare IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT p.id
    FROM vector_point AS p
    WHERE p.tenant_id = current_tenant() AND p.collection = p_collection AND p.generation = p_generation
        AND p.terms && rare
        AND (p_scopes IS NULL OR p.scope = ANY(p_scopes))
        AND (p_where = '{}' OR payload_allows(p.payload, p_where))
    ORDER BY p.weights OPERATOR(public.<#>) asked, p.id
    LIMIT p_limit;
END;
$$;
GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION search_words(text, text, text, integer[], text[], jsonb, integer, integer)
    OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION search_words(text, text, text, integer[], text[], jsonb, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_words(text, text, text, integer[], text[], jsonb, integer, integer)
    TO treehold_app;
