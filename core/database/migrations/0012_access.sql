-- Who may see which memory: scopes beside the tenant. Notes; and receipts for what was forgotten.

ALTER TABLE api_key ADD COLUMN teams text[] NOT NULL DEFAULT '{}';

DROP FUNCTION authenticate(bytea);
CREATE FUNCTION authenticate(secret bytea)
RETURNS TABLE (key_id uuid, tenant_id uuid, name text, scopes text[], teams text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT k.id, k.tenant_id, k.name, k.scopes, k.teams
    FROM api_key AS k
    WHERE k.secret_hash = secret AND k.revoked_at IS NULL
$$;

-- The memory scopes of whoever this transaction is for. None, unless it says so; '*' is the platform's own work.
CREATE FUNCTION current_scopes() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN string_to_array(coalesce(current_setting('treehold.scopes', true), ''), ' ');

-- Rows with a scope are seen by transactions that have it. Comes on top of `protect`, and widens nothing.
CREATE PROCEDURE bind_to_scopes(target regclass)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY in_scope ON %s AS RESTRICTIVE TO treehold_app USING ('
        '(SELECT ''*'' = ANY (current_scopes())) OR scope = ANY ((SELECT current_scopes())::text[]))',
        target
    );
END;
$$;

-- Rows that belong to a row with a scope are seen with it.
CREATE PROCEDURE bind_to_scopes_of(target regclass, reference text, parent regclass)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY in_scope ON %1$s AS RESTRICTIVE TO treehold_app USING ('
        '(SELECT ''*'' = ANY (current_scopes())) '
        'OR EXISTS (SELECT FROM %3$s AS p WHERE p.tenant_id = %1$s.tenant_id AND p.id = %1$s.%2$I))',
        target, reference, parent
    );
END;
$$;

-- What a person, or an import, gave to memory to be found again. `origin` is whose word it is.
CREATE TABLE note (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    scope text NOT NULL,
    text text NOT NULL,
    thread text,
    position integer,
    at timestamptz,
    source text NOT NULL,
    origin text NOT NULL,
    provenance jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('candidate', 'active', 'quarantined', 'retired')),
    reasons text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX note_newest ON note (tenant_id, created_at DESC, id DESC);
CREATE INDEX note_of_origin ON note (tenant_id, origin);
CREATE INDEX note_expiring ON note (expires_at) WHERE expires_at IS NOT NULL;
CALL protect('note');
CALL open_to_engine('note', 'SELECT');

CREATE INDEX episode_newest ON episode (tenant_id, created_at DESC, id DESC);
CREATE INDEX insight_newest ON insight (tenant_id, created_at DESC, id DESC);
CALL open_to_engine('episode', 'SELECT');
CALL open_to_engine('insight', 'SELECT');
CALL open_to_engine('insight_support', 'SELECT');

CALL bind_to_scopes('note');
CALL bind_to_scopes('episode');
CALL bind_to_scopes('insight');
CALL bind_to_scopes('vector_point');
CALL bind_to_scopes('episode_cluster');
CALL bind_to_scopes_of('episode_edge', 'src', 'episode');
CALL bind_to_scopes_of('utterance', 'episode_id', 'episode');
CALL bind_to_scopes_of('utterance_edge', 'episode_id', 'episode');
CALL bind_to_scopes_of('insight_support', 'insight_id', 'insight');
CALL bind_to_scopes_of('insight_edge', 'a', 'insight');
CALL bind_to_scopes_of('insight_version', 'insight_id', 'insight');

ALTER TABLE exposure DROP CONSTRAINT exposure_kind_check;
ALTER TABLE exposure ADD CONSTRAINT exposure_kind_check CHECK (kind IN ('episode', 'insight', 'note'));

-- Where a record came from is written once.
CREATE FUNCTION refuse_provenance() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the provenance of a memory is immutable' USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER provenance_kept BEFORE UPDATE ON note FOR EACH ROW
WHEN ((new.provenance, new.origin, new.created_at) IS DISTINCT FROM (old.provenance, old.origin, old.created_at))
EXECUTE FUNCTION refuse_provenance();
CREATE TRIGGER provenance_kept BEFORE UPDATE ON episode FOR EACH ROW
WHEN (
    (new.provenance, new.origin, new.task_id, new.created_at)
    IS DISTINCT FROM (old.provenance, old.origin, old.task_id, old.created_at)
)
EXECUTE FUNCTION refuse_provenance();
-- An insight comes to rest on more and more: its sources may grow and its trust may fall, and nothing else.
CREATE TRIGGER provenance_kept BEFORE UPDATE ON insight FOR EACH ROW
WHEN (
    NOT (
        new.provenance -> 'origins' @> (old.provenance -> 'origins')
        AND (new.provenance -> 'trust')::integer <= (old.provenance -> 'trust')::integer
        AND new.created_at = old.created_at
    )
)
EXECUTE FUNCTION refuse_provenance();

-- The receipt of one act of forgetting: what was asked, by whom, and what came of it. It holds no text.
CREATE TABLE forgotten (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    wanted jsonb NOT NULL,
    by_key uuid,
    counts jsonb NOT NULL,
    shown_to uuid[] NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX forgotten_newest ON forgotten (tenant_id, at DESC, id DESC);
CALL protect('forgotten');
REVOKE UPDATE, DELETE ON forgotten FROM treehold_app;

-- Each record that a receipt is about. `digest` is of the row as it was.
CREATE TABLE forgotten_record (
    tenant_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('episode', 'insight', 'note')),
    because text NOT NULL CHECK (because IN ('asked', 'derived')),
    fate text NOT NULL CHECK (fate IN ('deleted', 'recomputed')),
    digest bytea NOT NULL,
    PRIMARY KEY (tenant_id, receipt_id, id),
    FOREIGN KEY (tenant_id, receipt_id) REFERENCES forgotten (tenant_id, id)
);
CREATE INDEX forgotten_record_deleted ON forgotten_record (tenant_id, id) WHERE fate = 'deleted';
CALL protect('forgotten_record');
REVOKE UPDATE, DELETE ON forgotten_record FROM treehold_app;

-- What was forgotten stays forgotten: no repeat, no straggler and no import brings a record back.
CREATE FUNCTION stay_forgotten() RETURNS trigger
LANGUAGE plpgsql SET search_path = treehold, pg_temp AS $$
BEGIN
    PERFORM FROM forgotten_record AS f WHERE f.tenant_id = new.tenant_id AND f.id = new.id AND f.fate = 'deleted';
    RETURN CASE WHEN FOUND THEN NULL ELSE new END;
END;
$$;
CREATE TRIGGER stays_forgotten BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION stay_forgotten();
CREATE TRIGGER stays_forgotten BEFORE INSERT ON episode FOR EACH ROW EXECUTE FUNCTION stay_forgotten();
CREATE TRIGGER stays_forgotten BEFORE INSERT ON insight FOR EACH ROW EXECUTE FUNCTION stay_forgotten();

-- Records whose time is over, of all tenants: notes past the date they were given, and, where records are kept for
-- so many days only, all that are older. Pointers, so that each can be forgotten in a unit of work.
CREATE FUNCTION expired_memory(days integer, most integer)
RETURNS TABLE (tenant_id uuid, kind text, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    (SELECT n.tenant_id, 'note', n.id FROM note AS n WHERE n.expires_at <= clock_timestamp() ORDER BY n.expires_at LIMIT most)
    UNION
    (
        SELECT t.id, old.kind, old.id FROM tenant AS t
        CROSS JOIN LATERAL (
            (
                SELECT 'note' AS kind, n.id FROM note AS n
                WHERE n.tenant_id = t.id AND n.created_at < clock_timestamp() - make_interval(days => days)
                ORDER BY n.created_at, n.id LIMIT most
            )
            UNION ALL
            (
                SELECT 'episode', e.id FROM episode AS e
                WHERE e.tenant_id = t.id AND e.created_at < clock_timestamp() - make_interval(days => days)
                ORDER BY e.created_at, e.id LIMIT most
            )
            UNION ALL
            (
                SELECT 'insight', i.id FROM insight AS i
                WHERE i.tenant_id = t.id AND i.created_at < clock_timestamp() - make_interval(days => days)
                    AND NOT EXISTS (
                        SELECT FROM insight_support AS s WHERE s.tenant_id = i.tenant_id AND s.insight_id = i.id
                    )
                ORDER BY i.created_at, i.id LIMIT most
            )
        ) AS old
        WHERE days IS NOT NULL LIMIT most
    )
    LIMIT most
$$;

GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION authenticate(bytea) OWNER TO treehold_engine;
ALTER FUNCTION expired_memory(integer, integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION authenticate(bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION expired_memory(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate(bytea) TO treehold_app;
GRANT EXECUTE ON FUNCTION expired_memory(integer, integer) TO treehold_app;
