-- What the index has yet to take in: a row for each change of a record, written with the record.

-- A change is held by the indexer that works on it, and may be taken by another once the hold is over. `tries`
-- rises each time it is taken: who took an earlier one has lost it.
CREATE TABLE index_change (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id bigint GENERATED ALWAYS AS IDENTITY,
    collection text NOT NULL,
    record_id uuid NOT NULL,
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    tries integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX index_change_in_order ON index_change (id);
CREATE INDEX index_change_of_record ON index_change (tenant_id, collection, record_id);
CALL protect('index_change');
CALL open_to_engine('index_change', 'SELECT, UPDATE');

-- The oldest changes that nobody holds, all of one tenant and collection; none of a record of which another
-- change is held, so that a record is worked on once at a time.
CREATE FUNCTION take_index_changes(
    p_tenant uuid, p_collections text[], p_most integer, p_seconds double precision
)
RETURNS TABLE (tenant_id uuid, id bigint, collection text, record_id uuid, tries integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    first index_change%ROWTYPE;
    now CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF NOT EXISTS (SELECT FROM index_change) THEN
        RETURN;
    END IF;
    -- Two that took at once could take two changes of one record.
    PERFORM pg_advisory_xact_lock(hashtext('take_index_changes'));
    SELECT c.* INTO first
    FROM index_change AS c
    WHERE (p_tenant IS NULL OR c.tenant_id = p_tenant) AND c.collection = ANY(p_collections)
        AND c.held_until < now AND NOT EXISTS (
            SELECT FROM index_change AS h
            WHERE h.tenant_id = c.tenant_id AND h.collection = c.collection AND h.record_id = c.record_id
                AND h.held_until >= now
        )
    ORDER BY c.id
    LIMIT 1;
    RETURN QUERY
    UPDATE index_change AS u
    SET held_until = now + make_interval(secs => p_seconds), tries = u.tries + 1
    WHERE u.tenant_id = first.tenant_id AND u.id IN (
        SELECT c.id
        FROM index_change AS c
        WHERE c.id >= first.id AND c.tenant_id = first.tenant_id AND c.collection = first.collection
            AND c.held_until < now AND NOT EXISTS (
                SELECT FROM index_change AS h
                WHERE h.tenant_id = c.tenant_id AND h.collection = c.collection
                    AND h.record_id = c.record_id AND h.held_until >= now
            )
        ORDER BY c.id
        LIMIT p_most
    )
    RETURNING u.tenant_id, u.id, u.collection, u.record_id, u.tries;
END;
$$;
GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION take_index_changes(uuid, text[], integer, double precision) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION take_index_changes(uuid, text[], integer, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_index_changes(uuid, text[], integer, double precision) TO treehold_app;

-- The indexes there are: of all tenants, because the choice of an embedder is the operator's. Searches go to
-- the current one; changes are also taken in by one that is being built; one that is retired may be dropped.
CREATE TABLE index_generation (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    embedder text NOT NULL,
    name text NOT NULL,
    dimensions integer NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'current', 'retired')),
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX index_generation_current ON index_generation (state) WHERE state = 'current';
CREATE UNIQUE INDEX index_generation_building ON index_generation (state) WHERE state = 'building';
ALTER TABLE index_generation ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone ON index_generation TO treehold_app USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON index_generation TO treehold_app;

-- Whose records an index is made of.
CREATE FUNCTION index_tenants() RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$ SELECT t.id FROM tenant AS t ORDER BY t.id $$;
CALL open_to_engine('tenant', 'SELECT');

-- Takes out up to `p_most` points of a generation that nobody searches any more; how many there were.
CREATE FUNCTION drop_index_points(p_generation text, p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
DECLARE
    dropped bigint;
BEGIN
    DELETE FROM term_count WHERE generation = p_generation;
    DELETE FROM vector_point AS p
    WHERE (p.tenant_id, p.collection, p.generation, p.id) IN (
        SELECT v.tenant_id, v.collection, v.generation, v.id
        FROM vector_point AS v WHERE v.generation = p_generation LIMIT p_most
    );
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END;
$$;

GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION index_tenants() OWNER TO treehold_engine;
ALTER FUNCTION drop_index_points(text, integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION index_tenants() FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_index_points(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION index_tenants() TO treehold_app;
GRANT EXECUTE ON FUNCTION drop_index_points(text, integer) TO treehold_app;
