-- Who is next: tenants share the workers by what they use, and what waits has bounds.

-- A tenant's share. All tenants stand on one clock, in tokens by weight: `used` is where a tenant stands, `reached` the
-- mark up to which it was served, and a tenant's deficit is how far it stands behind the others' mark; `noticed_at` is
-- when it was last served, or was found to wait. `tokens` and `turns` are of late, for what a turn costs. Written only where
-- outbox rows are taken, by one relay at a time, and never by a call: a row that every call locks would have calls wait.
CREATE TABLE share (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id) ON DELETE CASCADE,
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight < 1e6),
    most_running integer CHECK (most_running > 0),
    most_open_tasks integer CHECK (most_open_tasks >= 0),
    used double precision NOT NULL DEFAULT 0,
    reached double precision NOT NULL DEFAULT 0,
    tokens double precision NOT NULL DEFAULT 0,
    turns double precision NOT NULL DEFAULT 0,
    idle boolean NOT NULL DEFAULT true,
    noticed_at timestamptz
);
CALL protect('share');
CALL open_to_engine('share', 'SELECT, UPDATE');

CREATE FUNCTION open_share() RETURNS trigger
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    INSERT INTO share (tenant_id) VALUES (NEW.id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER tenant_has_share AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION open_share();
INSERT INTO share (tenant_id) SELECT id FROM tenant;

-- Tokens that calls have used since outbox rows were last taken: inserted by calls, counted and removed there.
CREATE TABLE spending (
    tenant_id uuid NOT NULL,
    tokens bigint NOT NULL
);
CALL protect('spending');
CALL open_to_engine('spending', 'SELECT, DELETE');

-- Agents that run, or whose message is with a broker.
CREATE INDEX agent_out ON agent (tenant_id) WHERE state = 'running' OR state = 'ready' AND sent_at IS NOT NULL;
CREATE INDEX task_open ON task (tenant_id) WHERE status = 'running';
CREATE INDEX task_ended ON task (finished_at, tenant_id) WHERE finished_at IS NOT NULL;

GRANT CREATE ON SCHEMA treehold TO treehold_engine;

-- Takes outbox rows to publish, in fair order: deficit round-robin between tenants, with as many rounds at once as the
-- next message needs, and first come first served within a tenant. A message costs what a turn of its tenant uses on
-- average, until its calls have told what they really used; and some tokens for its place in a worker. A tenant that
-- had nothing waiting begins at the mark: it saved nothing up. One that was not served for `p_patience` seconds
-- goes first, once. A last row without a subject says why there are no more: `busy`, another relay is taking rows right
-- now; `held`, the rest has no room until agents are claimed or end. Those `counted` count towards a bound once they
-- are `mark_sent`.
--
-- p_most: how many at most. p_depth: how many may be with the broker that no worker has claimed yet, or an eighth of
-- those that run, if more; NULL where the broker has its own bound. p_running: how many agents of one tenant may be out, unless its share says otherwise.
CREATE FUNCTION take_outbox(p_most integer, p_depth integer, p_running integer, p_patience double precision)
RETURNS TABLE (tenant_id uuid, topic text, subject_id uuid, counted boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
-- One plan for all: to make one takes longer than to take rows. It is made without knowing that these are few of many.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_now CONSTANT timestamptz := clock_timestamp();
    -- Tokens: what a place in a worker costs, and what a turn is thought to use before any has ended; where others' have,
    -- it is their mean.
    v_place CONSTANT double precision := 200;
    v_guess double precision := 2000;
    -- The most a turn is thought to use, and how far ahead of the mark a tenant can stand.
    v_most_cost CONSTANT double precision := 100000;
    -- How many of its last turns tell what one uses.
    v_memory CONSTANT double precision := 128;
    v_most integer := p_most;
    v_taken integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310595130266154855) THEN
        RETURN QUERY SELECT NULL::uuid, 'busy', NULL::uuid, false;
        RETURN;
    END IF;
    IF p_depth IS NOT NULL THEN
        SELECT least(
            p_most,
            greatest(p_depth, count(*) FILTER (WHERE a.state = 'running') / 8) - count(*) FILTER (WHERE a.state = 'ready')
        )
        INTO v_most
        FROM agent AS a WHERE a.state = 'running' OR a.state = 'ready' AND a.sent_at IS NOT NULL;
    END IF;
    v_most := greatest(v_most, 0);
    WITH gone AS (DELETE FROM spending RETURNING tenant_id, tokens)
    UPDATE share AS s
    SET used = least(s.used + g.tokens / s.weight, greatest(s.used, m.mark + v_most_cost / s.weight)),
        tokens = s.tokens + g.tokens
    FROM (SELECT tenant_id, sum(tokens)::double precision AS tokens FROM gone GROUP BY tenant_id) AS g,
        (SELECT coalesce(min(s.used) FILTER (WHERE NOT s.idle), max(s.reached)) AS mark FROM share AS s) AS m
    WHERE s.tenant_id = g.tenant_id;
    SELECT (sum(s.tokens) + v_guess) / (sum(s.turns) + 1) INTO v_guess FROM share AS s;
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        (SELECT o.tenant_id FROM outbox AS o ORDER BY o.tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT o.tenant_id FROM outbox AS o WHERE o.tenant_id > w.tenant_id ORDER BY o.tenant_id LIMIT 1)
        FROM waiting AS w WHERE w.tenant_id IS NOT NULL
    ),
    out AS (
        SELECT a.tenant_id, count(*) AS agents FROM agent AS a
        WHERE a.state = 'running' OR a.state = 'ready' AND a.sent_at IS NOT NULL
        GROUP BY a.tenant_id
    ),
    known AS (
        SELECT s.*, coalesce(o.agents, 0) AS agents,
            coalesce(s.most_running, p_running) - coalesce(o.agents, 0) AS room,
            (v_place + least((s.tokens + v_guess) / (greatest(s.turns - coalesce(o.agents, 0), 0) + 1), v_most_cost))
                / s.weight AS cost
        FROM waiting AS w
        JOIN share AS s ON s.tenant_id = w.tenant_id
        LEFT JOIN out AS o ON o.tenant_id = w.tenant_id
    ),
    mark AS (
        -- Who is furthest behind of those that have waited; what was reached where nobody has. What is out counts
        -- as used, by an estimate: so the mark can go back as well.
        SELECT coalesce(
            min(k.used + k.agents * k.cost) FILTER (WHERE NOT k.idle AND (k.room IS NULL OR k.room > 0)),
            (SELECT max(s.reached) FROM share AS s)
        ) AS mark
        FROM known AS k
    ),
    placed AS (
        SELECT k.tenant_id, k.weight, k.agents, k.room, k.cost, k.idle,
            NOT k.idle AND k.noticed_at < v_now - make_interval(secs => p_patience) AS aged,
            CASE WHEN k.idle THEN greatest(k.used, m.mark - k.agents * k.cost) ELSE k.used END AS stands
        FROM known AS k, mark AS m
        WHERE k.room IS NULL OR k.room > 0
    ),
    heads AS (
        SELECT * FROM placed AS p ORDER BY p.aged DESC, p.stands + (p.agents + 1) * p.cost LIMIT v_most
    ),
    candidates AS (
        SELECT h.tenant_id, h.aged AND o.place = 1 AS aged, h.stands + (h.agents + o.place) * h.cost AS mark,
            o.id, o.topic, o.subject_id, h.room
        FROM heads AS h
        CROSS JOIN LATERAL (
            SELECT f.*, row_number() OVER (ORDER BY f.id) AS place
            FROM (
                SELECT * FROM outbox AS o WHERE o.tenant_id = h.tenant_id ORDER BY o.id
                LIMIT least(v_most, h.room)
            ) AS f
        ) AS o
    ),
    chosen AS MATERIALIZED (
        SELECT *, row_number() OVER (ORDER BY c.aged DESC, c.mark, c.id) AS rank
        FROM candidates AS c ORDER BY c.aged DESC, c.mark, c.id LIMIT v_most
    ),
    taken AS (
        DELETE FROM outbox AS o USING chosen AS c WHERE o.tenant_id = c.tenant_id AND o.id = c.id
    ),
    served AS (
        SELECT c.tenant_id, count(*) AS messages, count(*) FILTER (WHERE c.topic = 'advance') AS turns,
            max(c.mark) FILTER (WHERE NOT c.aged) AS reached, max(c.id) AS last
        FROM chosen AS c GROUP BY c.tenant_id
    ),
    kept AS (
        UPDATE share AS s
        SET used = p.stands + v_place * coalesce(v.messages, 0) / s.weight,
            reached = coalesce(v.reached, s.reached),
            tokens = s.tokens * CASE WHEN s.turns - p.agents > v_memory THEN 0.5 ELSE 1 END,
            turns = coalesce(v.turns, 0)
                + CASE WHEN s.turns - p.agents > v_memory THEN (s.turns + p.agents) / 2 ELSE s.turns END,
            idle = v.last IS NOT NULL
                AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.tenant_id = s.tenant_id AND o.id > v.last),
            noticed_at = v_now
        FROM placed AS p LEFT JOIN served AS v ON v.tenant_id = p.tenant_id
        WHERE s.tenant_id = p.tenant_id AND (p.idle OR v.last IS NOT NULL)
    )
    SELECT c.tenant_id, c.topic, c.subject_id, c.topic = 'advance' AND (p_depth IS NOT NULL OR c.room IS NOT NULL)
    FROM chosen AS c ORDER BY c.rank;
    GET DIAGNOSTICS v_taken = ROW_COUNT;
    IF v_taken < p_most AND (SELECT o.id FROM outbox AS o ORDER BY o.tenant_id LIMIT 1) IS NOT NULL THEN
        RETURN QUERY SELECT NULL::uuid, 'held', NULL::uuid, false;
    END IF;
END;
$$;

-- These agents' messages are with the broker now. A row that somebody has locked is left as it is: a stopped process
-- must not hold up the queue. Agents that were claimed meanwhile are counted as running, and those of a paused task,
-- whom nobody claims, not at all.
CREATE FUNCTION mark_sent(p_agents uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    UPDATE agent AS a SET sent_at = clock_timestamp()
    FROM (
        SELECT f.id FROM agent AS f JOIN task AS t ON t.id = f.task_id AND t.paused_at IS NULL
        WHERE f.id = ANY(p_agents) AND f.state = 'ready' FOR NO KEY UPDATE OF f SKIP LOCKED
    ) AS free
    WHERE a.id = free.id
$$;

-- Whether one more task may be submitted: no row where it may. Else whose bound is reached, how many tasks are open,
-- and the seconds until there is room, from how many ended in the last minute.
CREATE FUNCTION refuse_task(p_tenant uuid, p_of_tenant integer, p_of_all integer)
RETURNS TABLE (scope text, open bigint, bound integer, seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_since CONSTANT timestamptz := clock_timestamp() - interval '1 minute';
BEGIN
    scope := 'tenant';
    SELECT coalesce(s.most_open_tasks, p_of_tenant) INTO bound FROM share AS s WHERE s.tenant_id = p_tenant;
    SELECT count(*) INTO open
    FROM (SELECT FROM task AS t WHERE t.tenant_id = p_tenant AND t.status = 'running' LIMIT bound) AS o;
    IF open < bound THEN
        scope := 'server';
        bound := p_of_all;
        SELECT count(*) INTO open FROM (SELECT FROM task AS t WHERE t.status = 'running' LIMIT bound) AS o;
        IF open < bound THEN
            RETURN;
        END IF;
    END IF;
    SELECT extract(epoch FROM clock_timestamp() - min(t.finished_at)) / nullif(count(*), 0) INTO seconds
    FROM task AS t
    WHERE t.finished_at > v_since AND (scope = 'server' OR t.tenant_id = p_tenant);
    RETURN NEXT;
END;
$$;

ALTER FUNCTION take_outbox(integer, integer, integer, double precision) OWNER TO treehold_engine;
ALTER FUNCTION mark_sent(uuid[]) OWNER TO treehold_engine;
ALTER FUNCTION refuse_task(uuid, integer, integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION take_outbox(integer, integer, integer, double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION mark_sent(uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_task(uuid, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_outbox(integer, integer, integer, double precision) TO treehold_app;
GRANT EXECUTE ON FUNCTION mark_sent(uuid[]) TO treehold_app;
GRANT EXECUTE ON FUNCTION refuse_task(uuid, integer, integer) TO treehold_app;

-- Shares are an operator's to set, and the trace is written once.
REVOKE INSERT, UPDATE, DELETE ON share FROM treehold_app;
REVOKE UPDATE, DELETE ON event FROM treehold_app;
