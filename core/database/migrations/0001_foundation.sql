-- Tenants, principals, and the rule that binds every later table to its tenant.

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

GRANT USAGE ON SCHEMA treehold TO treehold_app, treehold_engine;

CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('treehold.tenant', true), '')::uuid;

-- Gives a table its row-level security: the application sees one tenant. The owner, which only migrates and
-- administers, is not bound; the application refuses to start as a role that is not bound.
CREATE PROCEDURE protect(target regclass)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant_only ON %s TO treehold_app '
        'USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())',
        target
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO treehold_app', target);
END;
$$;

-- Lets the engine's own functions, and nobody else, see a table across tenants.
CREATE PROCEDURE open_to_engine(target regclass, privileges text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY engine_all ON %s TO treehold_engine USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO treehold_engine', privileges, target);
END;
$$;

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_row ON tenant TO treehold_app USING (id = current_tenant());
GRANT SELECT ON tenant TO treehold_app;

CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    name text NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CALL protect('api_key');
CALL open_to_engine('api_key', 'SELECT');

-- Who a key belongs to. The only look-up made before a tenant is known.
CREATE FUNCTION authenticate(secret bytea)
RETURNS TABLE (key_id uuid, tenant_id uuid, name text, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT k.id, k.tenant_id, k.name, k.scopes
    FROM api_key AS k
    WHERE k.secret_hash = secret AND k.revoked_at IS NULL
$$;
GRANT CREATE ON SCHEMA treehold TO treehold_engine;
ALTER FUNCTION authenticate(bytea) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION authenticate(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate(bytea) TO treehold_app;

CREATE TABLE idempotency (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    route text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, route, key)
);
CALL protect('idempotency');

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    topic text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_subject ON outbox (subject_id);
CALL protect('outbox');
CALL open_to_engine('outbox', 'SELECT, UPDATE, DELETE, INSERT');

CREATE FUNCTION announce_outbox() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('treehold_outbox', '');
    RETURN NULL;
END;
$$;
CREATE TRIGGER outbox_announced AFTER INSERT ON outbox
FOR EACH STATEMENT EXECUTE FUNCTION announce_outbox();
