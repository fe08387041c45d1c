-- Tasks, agents and everything that happens to them.

CREATE TABLE task (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    goal text NOT NULL,
    workspace text,
    output_schema jsonb,
    model jsonb NOT NULL,
    granted jsonb NOT NULL,
    tags jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
    stop_reason text,
    answer jsonb,
    error jsonb,
    event_seq bigint NOT NULL DEFAULT 0,
    cancel_requested_at timestamptz,
    paused_at timestamptz,
    paused_for interval NOT NULL DEFAULT '0',
    resumed_at timestamptz,
    learned_at timestamptz,
    learning_attempts integer NOT NULL DEFAULT 0,
    learning_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX task_newest ON task (tenant_id, created_at DESC, id DESC);
CREATE INDEX task_unlearned ON task (finished_at) WHERE learned_at IS NULL AND finished_at IS NOT NULL;
CALL protect('task');
CALL open_to_engine('task', 'SELECT');

CREATE TABLE agent (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    parent_id uuid REFERENCES agent (id) ON DELETE CASCADE,
    position integer NOT NULL,
    key text NOT NULL,
    depth integer NOT NULL,
    role text NOT NULL,
    node_id uuid,
    title text NOT NULL,
    brief jsonb NOT NULL,
    return_schema jsonb,
    granted jsonb NOT NULL,
    provenance jsonb NOT NULL,
    state text NOT NULL DEFAULT 'ready'
        CHECK (state IN ('ready', 'running', 'waiting', 'done', 'failed', 'cancelled')),
    waiting_on text CHECK (waiting_on IN ('children', 'approval', 'timer')),
    open_children integer NOT NULL DEFAULT 0 CHECK (open_children >= 0),
    spawned integer NOT NULL DEFAULT 0,
    next_position integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    lease_owner text,
    lease_until timestamptz,
    claimed_at timestamptz,
    wake_at timestamptz,
    wake_position integer,
    published_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    republished integer NOT NULL DEFAULT 0,
    turns integer NOT NULL DEFAULT 0,
    lost_turns integer NOT NULL DEFAULT 0,
    returned jsonb,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE NULLS NOT DISTINCT (task_id, parent_id, position),
    CHECK ((state = 'waiting') = (waiting_on IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL))
);
CREATE INDEX agent_tree ON agent (task_id, depth, position);
CREATE INDEX agent_children ON agent (parent_id);
CREATE INDEX agent_leased ON agent (lease_until) WHERE state = 'running';
CREATE INDEX agent_ready ON agent (published_at) WHERE state = 'ready';
CALL protect('agent');
CALL open_to_engine('agent', 'SELECT, UPDATE');

-- One row per agent and unit. The law is the CHECK: what is held and spent never passes the grant.
CREATE TABLE budget (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    agent_id uuid NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    unit text NOT NULL CHECK (unit IN ('tokens', 'cost', 'tool_calls')),
    granted bigint CHECK (granted >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    delegated bigint NOT NULL DEFAULT 0 CHECK (delegated >= 0),
    spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    PRIMARY KEY (agent_id, unit),
    CONSTRAINT within_grant CHECK (granted IS NULL OR reserved + delegated + spent <= granted)
);
CALL protect('budget');

-- The journal: what was asked of models, tools and memory, and what came of it.
CREATE TABLE call (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    agent_id uuid NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('model', 'tool', 'recall', 'step')),
    name text NOT NULL,
    effect text NOT NULL CHECK (effect IN ('pure', 'keyed', 'unsafe')),
    request jsonb NOT NULL,
    request_hash bytea NOT NULL,
    state text NOT NULL DEFAULT 'intent' CHECK (state IN ('intent', 'done', 'failed', 'unknown')),
    outcome jsonb,
    reserved jsonb NOT NULL DEFAULT '{}',
    usage jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 1,
    fence bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    UNIQUE (agent_id, position)
);
CREATE INDEX call_of_task ON call (task_id, started_at);
CALL protect('call');

-- LangGraph checkpoints; one thread per agent.
CREATE TABLE checkpoint (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    agent_id uuid NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    namespace text NOT NULL,
    checkpoint_id text NOT NULL,
    parent_checkpoint_id text,
    kind text NOT NULL,
    content bytea NOT NULL,
    metadata jsonb NOT NULL,
    writes bytea,
    fence bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (agent_id, namespace, checkpoint_id)
);
CALL protect('checkpoint');

CREATE TABLE event (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    agent_id uuid,
    kind text NOT NULL,
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (task_id, seq)
);
CALL protect('event');

CREATE TABLE artifact (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    agent_id uuid REFERENCES agent (id) ON DELETE CASCADE,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    content bytea NOT NULL,
    provenance jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX artifact_of_task ON artifact (task_id);
CALL protect('artifact');

-- The plumbing below works across tenants, on pointers only, as treehold_engine.
GRANT CREATE ON SCHEMA treehold TO treehold_engine;

-- Keeps the leases of turns that run in one process. Rows another transaction has locked are left as they are,
-- so that one stuck row delays no other, and nobody waits in a circle. An agent that does not come back is lost.
CREATE FUNCTION extend_leases(owner text, agents uuid[], fences bigint[], seconds double precision)
RETURNS TABLE (agent_id uuid, extended boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    WITH free AS (
        SELECT a.id FROM agent AS a
        JOIN unnest(agents, fences) AS held (id, fence) ON a.id = held.id AND a.fence = held.fence
        WHERE a.state = 'running' AND a.lease_owner = owner AND a.lease_until > clock_timestamp()
        ORDER BY a.id FOR NO KEY UPDATE OF a SKIP LOCKED
    )
    UPDATE agent AS a SET lease_until = clock_timestamp() + make_interval(secs => seconds)
    FROM free WHERE a.id = free.id;

    SELECT a.id, a.lease_until > clock_timestamp() + make_interval(secs => seconds / 2) FROM agent AS a
    JOIN unnest(agents, fences) AS held (id, fence) ON a.id = held.id AND a.fence = held.fence
    WHERE a.state = 'running' AND a.lease_owner = owner AND a.lease_until > clock_timestamp()
$$;

-- Agents whose lease ran out: who they are, so that the reaper can return each in a unit of work.
CREATE FUNCTION expired_agents(most integer)
RETURNS TABLE (tenant_id uuid, agent_id uuid, fence bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT a.tenant_id, a.id, a.fence FROM agent AS a
    WHERE a.state = 'running' AND a.lease_until <= clock_timestamp()
    ORDER BY a.lease_until LIMIT most
$$;

-- Ready agents whose message was lost with a broker or a process: published again. One that still has an
-- outbox row has not lost anything, however long the queue is, nor has one whose message was sent just now; where
-- the queue is the broker's, each time is twice as late as the one before. Those of a paused task are left alone.
CREATE FUNCTION republish_ready(seconds double precision, most integer)
RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    WITH stale AS (
        UPDATE agent AS a SET published_at = clock_timestamp(), republished = a.republished + 1, sent_at = NULL
        WHERE a.id IN (
            SELECT r.id FROM agent AS r
            JOIN task AS t ON t.id = r.task_id AND t.paused_at IS NULL
            WHERE r.state = 'ready'
                AND r.published_at
                    < clock_timestamp() - make_interval(secs => seconds * 2 ^ least(r.republished, 10))
                AND coalesce(r.sent_at, r.published_at)
                    < clock_timestamp() - make_interval(secs => seconds * 2 ^ least(r.republished, 10))
                AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.subject_id = r.id)
            ORDER BY r.published_at LIMIT most FOR UPDATE OF r SKIP LOCKED
        )
        RETURNING a.tenant_id, a.id
    ),
    published AS (
        INSERT INTO outbox (tenant_id, topic, subject_id) SELECT tenant_id, 'advance', id FROM stale RETURNING 1
    )
    SELECT count(*)::integer FROM published
$$;

-- Finished tasks that memory has not taken in yet; each try waits twice as long as the one before.
CREATE FUNCTION unlearned_tasks(seconds double precision, most integer)
RETURNS TABLE (tenant_id uuid, task_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT t.tenant_id, t.id FROM task AS t
    WHERE t.learned_at IS NULL AND t.finished_at IS NOT NULL
        AND coalesce(t.learning_since, t.finished_at)
            < clock_timestamp() - make_interval(secs => seconds * 2 ^ least(t.learning_attempts, 10))
        AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.subject_id = t.id)
    ORDER BY t.finished_at LIMIT most
$$;

ALTER FUNCTION extend_leases(text, uuid[], bigint[], double precision) OWNER TO treehold_engine;
ALTER FUNCTION expired_agents(integer) OWNER TO treehold_engine;
ALTER FUNCTION republish_ready(double precision, integer) OWNER TO treehold_engine;
ALTER FUNCTION unlearned_tasks(double precision, integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;

REVOKE ALL ON FUNCTION extend_leases(text, uuid[], bigint[], double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION expired_agents(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION republish_ready(double precision, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION unlearned_tasks(double precision, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION extend_leases(text, uuid[], bigint[], double precision) TO treehold_app;
GRANT EXECUTE ON FUNCTION expired_agents(integer) TO treehold_app;
GRANT EXECUTE ON FUNCTION republish_ready(double precision, integer) TO treehold_app;
GRANT EXECUTE ON FUNCTION unlearned_tasks(double precision, integer) TO treehold_app;

-- Which of the followed tasks have events beyond the last one seen, and how far they are.
GRANT CREATE ON SCHEMA treehold TO treehold_engine;
CREATE FUNCTION moved_tasks(tasks uuid[], seen bigint[])
RETURNS TABLE (task_id uuid, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT t.id, t.event_seq FROM task AS t
    JOIN unnest(tasks, seen) AS followed (id, seq) ON t.id = followed.id
    WHERE t.event_seq > followed.seq
$$;
ALTER FUNCTION moved_tasks(uuid[], bigint[]) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION moved_tasks(uuid[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION moved_tasks(uuid[], bigint[]) TO treehold_app;
