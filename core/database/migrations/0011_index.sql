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

CREATE FUNCTION announce_index_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('treehold_index', '');
    RETURN NULL;
END;
$$;
CREATE TRIGGER index_change_announced AFTER INSERT ON index_change
FOR EACH STATEMENT EXECUTE FUNCTION announce_index_change();

-- The oldest changes that nobody holds, all of one tenant and collection; none of a record of which another
-- change is held, so that a record is worked on once at a time.
CREATE FUNCTION take_index_changes(p_most integer, p_seconds double precision)
RETURNS TABLE (tenant_id uuid, id bigint, collection text, record_id uuid, tries integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
DECLARE
    first index_change%ROWTYPE;
    now CONSTANT timestamptz := clock_timestamp();
BEGIN
    -- Two that took at once could take two changes of one record.
    PERFORM pg_advisory_xact_lock(hashtext('take_index_changes'));
    SELECT c.* INTO first
    FROM index_change AS c
    WHERE c.held_until < now AND NOT EXISTS (
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
                WHERE h.tenant_id = c.tenant_id AND h.collection = c.collection AND h.record_id = c.record_id
                    AND h.held_until >= now
            )
        ORDER BY c.id
        LIMIT p_most
    )
    RETURNING u.tenant_id, u.id, u.collection, u.record_id, u.tries;
END;
$$;
GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION take_index_changes(integer, double precision) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION take_index_changes(integer, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_index_changes(integer, double precision) TO treehold_app;
