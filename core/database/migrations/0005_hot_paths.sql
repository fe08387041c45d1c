-- What every turn and call does, in one exchange with the server each: a claim, a call begun, a call concluded.
-- They run as their caller, whom row-level security binds to the tenant they are given.

-- Numbers the events of one task; its row stays locked until the transaction ends. Returns the number of the
-- first; of the last there is, where there are none.
CREATE FUNCTION write_events(p_task uuid, p_agents uuid[], p_kinds text[], p_data text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    base bigint;
BEGIN
    IF cardinality(p_kinds) = 0 THEN
        RETURN (SELECT t.event_seq FROM task AS t WHERE t.id = p_task);
    END IF;
    UPDATE task SET event_seq = event_seq + cardinality(p_kinds) WHERE id = p_task
    RETURNING event_seq - cardinality(p_kinds) INTO base;
    INSERT INTO event (tenant_id, task_id, seq, agent_id, kind, data, at)
    SELECT current_tenant(), p_task, base + position, agent, kind, data::jsonb, clock_timestamp()
    FROM unnest(p_agents, p_kinds, p_data) WITH ORDINALITY AS row (agent, kind, data, position)
    WHERE base IS NOT NULL;
    RETURN base + 1;
END;
$$;

-- Writes events of which the first `p_told` tell how a call ended: a fork finds them by the call.
CREATE FUNCTION tell(
    p_task uuid, p_agents uuid[], p_kinds text[], p_data text[], p_call uuid, p_told integer
)
RETURNS void
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    first bigint := write_events(p_task, p_agents, p_kinds, p_data);
BEGIN
    IF p_told > 0 THEN
        UPDATE call SET concluded_seq = first, concluded_events = p_told WHERE id = p_call;
    END IF;
END;
$$;

-- What a unit of work leaves at its end: messages for the relay, and the events of a task.
CREATE FUNCTION write_out(
    p_topics text[], p_subjects uuid[], p_task uuid, p_agents uuid[], p_kinds text[], p_data text[], p_call uuid,
    p_told integer
)
RETURNS void
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    IF cardinality(p_topics) > 0 THEN
        INSERT INTO outbox (tenant_id, topic, subject_id)
        SELECT current_tenant(), topic, subject FROM unnest(p_topics, p_subjects) AS row (topic, subject);
    END IF;
    IF p_task IS NOT NULL THEN
        PERFORM tell(p_task, p_agents, p_kinds, p_data, p_call, p_told);
    END IF;
END;
$$;

-- A turn begins: takes the lease, raises the fence, and reads all that the turn starts from.
CREATE FUNCTION claim_agent(p_tenant uuid, p_agent uuid, p_owner text, p_seconds double precision)
RETURNS TABLE (
    agent jsonb, workspace text, paused_for interval, model_calls integer, remaining jsonb,
    checkpoint_id text, parent_checkpoint_id text, kind text, content bytea, metadata jsonb, writes bytea
)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    claimed agent%ROWTYPE;
BEGIN
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    UPDATE agent AS a
    SET state = 'running',
        waiting_on = NULL,
        lease_owner = p_owner,
        lease_until = clock_timestamp() + make_interval(secs => p_seconds),
        fence = a.fence + 1,
        turns = a.turns + 1,
        claimed_at = clock_timestamp(),
        republished = 0,
        sent_at = NULL,
        started_at = coalesce(a.started_at, clock_timestamp())
    FROM task AS t
    WHERE a.id = p_agent AND a.state = 'ready' AND t.id = a.task_id AND t.status = 'running'
        AND t.paused_at IS NULL
    RETURNING a.* INTO claimed;
    IF claimed.id IS NULL THEN
        -- Of a paused task: its message is gone, and with it its place with the broker.
        UPDATE agent AS a SET sent_at = NULL WHERE a.id = p_agent AND a.state = 'ready' AND a.sent_at IS NOT NULL;
        RETURN;
    END IF;
    PERFORM write_events(
        claimed.task_id,
        ARRAY[p_agent],
        ARRAY[CASE WHEN claimed.turns = 1 THEN 'agent.started' ELSE 'agent.resumed' END],
        ARRAY[jsonb_build_object('turn', claimed.turns, 'fence', claimed.fence, 'worker', p_owner)::text]
    );
    RETURN QUERY
    SELECT to_jsonb(claimed) || jsonb_build_object('traceparent', t.traceparent),
        t.workspace,
        t.paused_for,
        (
            SELECT count(*)::integer FROM call AS c
            WHERE c.agent_id = p_agent AND c.kind = 'model' AND c.position < claimed.next_position
        ),
        (
            SELECT jsonb_object_agg(b.unit, b.granted - b.delegated - b.spent + CASE b.unit
                WHEN 'tokens' THEN lost.tokens WHEN 'cost' THEN lost.cost ELSE lost.tool_calls
            END)
            FROM budget AS b WHERE b.agent_id = p_agent
        ),
        s.checkpoint_id, s.parent_checkpoint_id, s.kind, s.content, s.metadata, s.writes
    FROM task AS t
    -- What a turn that was lost has spent: this one finds it in the journal, and counts it as that one did.
    CROSS JOIN LATERAL (
        SELECT coalesce(sum((c.usage ->> 'prompt_tokens')::bigint + (c.usage ->> 'completion_tokens')::bigint), 0)
            AS tokens,
            coalesce(sum((c.usage ->> 'cost')::bigint), 0) AS cost,
            coalesce(sum((c.usage ->> 'tool_calls')::bigint), 0) AS tool_calls
        FROM call AS c WHERE c.agent_id = p_agent AND c.position >= claimed.next_position
    ) AS lost
    LEFT JOIN LATERAL (
        SELECT * FROM checkpoint AS c
        WHERE c.agent_id = p_agent AND c.namespace = ''
        ORDER BY c.fence DESC, c.checkpoint_id DESC LIMIT 1
    ) AS s ON true
    WHERE t.id = claimed.task_id;
END;
$$;

-- Whether a turn still holds its lease. FOR SHARE makes a reaper wait until this transaction is over (law 4).
CREATE FUNCTION holds(p_agent uuid, p_fence bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    PERFORM FROM agent
    WHERE id = p_agent AND fence = p_fence AND state = 'running' AND lease_until > clock_timestamp()
    FOR SHARE;
    RETURN FOUND;
END;
$$;

-- Writes a call's intent and holds its reservation, unless an earlier turn did; says what that one recorded. The
-- grant must have left what the call may need at most, though less is held. In a fork, an agent with a source takes
-- from that one's journal what it would ask again, and is stopped where that one was. In a paused task no call
-- begins, nor in one that was paused during this turn, which does not know by how much its deadline has moved.
CREATE FUNCTION begin_call(
    p_tenant uuid, p_task uuid, p_agent uuid, p_fence bigint, p_id uuid, p_position integer, p_kind text,
    p_name text, p_effect text, p_request jsonb, p_hash bytea, p_units text[], p_amounts bigint[],
    p_covered bigint[], p_reserved jsonb, p_event text, p_data text, p_source uuid
)
RETURNS TABLE (
    verdict text, state text, outcome jsonb, usage jsonb, reserved jsonb, attempts integer, replayed boolean,
    lacking text
)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    earlier call%ROWTYPE;
    recorded record;
    in_doubt boolean := false;
    stands_still boolean;
    from_record boolean;
BEGIN
    attempts := 1;
    replayed := false;
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    IF NOT holds(p_agent, p_fence) THEN
        verdict := 'lease_lost';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO earlier FROM call AS c WHERE c.agent_id = p_agent AND c.position = p_position;
    IF FOUND THEN
        IF earlier.request_hash = p_hash AND earlier.state = 'intent' AND earlier.effect <> 'unsafe' THEN
            earlier.attempts := earlier.attempts + 1;
            UPDATE call AS c SET attempts = earlier.attempts, fence = p_fence, started_at = clock_timestamp()
            WHERE c.id = earlier.id;
        END IF;
        RETURN QUERY SELECT CASE WHEN earlier.request_hash = p_hash THEN 'recorded' ELSE 'diverged' END,
            earlier.state, earlier.outcome, earlier.usage, earlier.reserved, earlier.attempts, earlier.replayed,
            NULL::text;
        RETURN;
    END IF;
    SELECT t.paused_at IS NOT NULL OR t.resumed_at > a.claimed_at, t.replay INTO stands_still, from_record
    FROM task AS t JOIN agent AS a ON a.id = p_agent WHERE t.id = p_task;
    IF stands_still THEN
        RETURN QUERY SELECT 'paused', NULL::text, NULL::jsonb, NULL::jsonb, NULL::jsonb, NULL::integer, NULL::boolean,
            NULL::text;
        RETURN;
    END IF;
    IF p_source IS NOT NULL THEN
        SELECT r.* INTO recorded FROM replay_call(
            p_tenant, p_task, p_agent, p_source, p_fence, p_id, p_position, p_hash, p_event, p_data
        ) AS r;
        IF recorded.verdict = 'recorded' THEN
            RETURN QUERY SELECT 'recorded', recorded.state, recorded.outcome, recorded.usage, '{}'::jsonb, 1, true,
                NULL::text;
            RETURN;
        END IF;
        IF source_was_stopped(p_agent) THEN
            verdict := 'stopped';
            RETURN NEXT;
            RETURN;
        END IF;
        in_doubt := coalesce(recorded.verdict = 'in_doubt', false);
    END IF;
    IF from_record THEN
        verdict := 'not_recorded';
        RETURN NEXT;
        RETURN;
    END IF;
    IF cardinality(p_units) > 0 THEN
        PERFORM FROM budget AS b WHERE b.agent_id = p_agent ORDER BY b.unit FOR UPDATE;
        SELECT w.unit INTO lacking
        FROM unnest(p_units, p_covered) AS w (unit, amount)
        LEFT JOIN budget AS b ON b.agent_id = p_agent AND b.unit = w.unit
        WHERE b.unit IS NULL OR b.reserved + b.delegated + b.spent + w.amount > b.granted
        LIMIT 1;
        IF lacking IS NOT NULL THEN
            verdict := 'exhausted';
            RETURN NEXT;
            RETURN;
        END IF;
        UPDATE budget AS b SET reserved = b.reserved + w.amount
        FROM unnest(p_units, p_amounts) AS w (unit, amount)
        WHERE b.agent_id = p_agent AND b.unit = w.unit;
    END IF;
    INSERT INTO call (
        id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, reserved, fence,
        replayed
    )
    VALUES (
        p_id, p_tenant, p_task, p_agent, p_position, p_kind, p_name, p_effect, p_request, p_hash, p_reserved, p_fence,
        in_doubt
    );
    IF p_event IS NOT NULL THEN
        PERFORM write_events(p_task, ARRAY[p_agent], ARRAY[p_event], ARRAY[p_data]);
    END IF;
    verdict := CASE WHEN in_doubt THEN 'recorded' ELSE 'new' END;
    state := 'intent';
    reserved := p_reserved;
    replayed := in_doubt;
    RETURN NEXT;
END;
$$;

-- Records an outcome and exchanges the reservation for what was used; false where the lease is lost. Use beyond
-- the reservation counts as far as the grant goes, which then shows itself spent.
CREATE FUNCTION conclude_call(
    p_tenant uuid, p_task uuid, p_agent uuid, p_fence bigint, p_position integer, p_state text, p_outcome jsonb,
    p_usage jsonb, p_units text[], p_held bigint[], p_used bigint[], p_events text[], p_data text[]
)
RETURNS boolean
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    first bigint;
BEGIN
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    IF NOT holds(p_agent, p_fence) THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (
        SELECT FROM call AS c WHERE c.agent_id = p_agent AND c.position = p_position AND c.state = 'intent'
    ) THEN  -- concluded before, by a statement whose answer did not arrive
        RETURN true;
    END IF;
    UPDATE budget AS b
    SET reserved = b.reserved - w.held,
        spent = b.spent + least(w.used, coalesce(b.granted - b.delegated - b.spent - (b.reserved - w.held), w.used))
    FROM unnest(p_units, p_held, p_used) AS w (unit, held, used)
    WHERE b.agent_id = p_agent AND b.unit = w.unit;
    INSERT INTO spending (tenant_id, tokens)
    SELECT p_tenant, w.used FROM unnest(p_units, p_used) AS w (unit, used) WHERE w.unit = 'tokens' AND w.used > 0;
    first := write_events(p_task, array_fill(p_agent, ARRAY[cardinality(p_events)]), p_events, p_data);
    UPDATE call AS c
    SET state = p_state, outcome = p_outcome, usage = p_usage, reserved = '{}', fence = p_fence,
        finished_at = clock_timestamp(), concluded_seq = first, concluded_events = cardinality(p_events)
    WHERE c.agent_id = p_agent AND c.position = p_position AND c.state = 'intent';
    RETURN true;
END;
$$;

-- Whatever ended agents still held: usage that cannot be read counts in full, and as prompt. Nobody needs to
-- decide any more what they asked.
CREATE FUNCTION settle_ended(p_agents uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    UPDATE call AS c
    SET state = 'unknown', finished_at = clock_timestamp(), reserved = '{}',
        usage = c.usage || jsonb_build_object(
            'prompt_tokens', coalesce((c.reserved ->> 'tokens')::bigint, 0),
            'cost', coalesce((c.reserved ->> 'cost')::bigint, 0)
        )
    WHERE c.agent_id = ANY(p_agents) AND c.state = 'intent';
    INSERT INTO spending (tenant_id, tokens)
    SELECT b.tenant_id, b.reserved FROM budget AS b
    WHERE b.agent_id = ANY(p_agents) AND b.unit = 'tokens' AND b.reserved > 0;
    UPDATE budget AS b SET spent = b.spent + b.reserved, reserved = 0
    WHERE b.agent_id = ANY(p_agents) AND b.reserved > 0;
    UPDATE approval AS p SET state = 'withdrawn', decided_at = clock_timestamp()
    WHERE p.agent_id = ANY(p_agents) AND p.state = 'pending';
END;
$$;

-- Agents that were ended together give back what they did not spend, each to the one above.
CREATE FUNCTION give_back(p_agents uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    level integer;
BEGIN
    FOR level IN SELECT DISTINCT a.depth FROM agent AS a WHERE a.id = ANY(p_agents) ORDER BY a.depth DESC LOOP
        UPDATE budget AS p
        SET delegated = p.delegated - c.granted, spent = p.spent + c.spent
        FROM (
            SELECT a.parent_id, b.unit, sum(coalesce(b.granted, 0))::bigint AS granted, sum(b.spent)::bigint AS spent
            FROM agent AS a JOIN budget AS b ON b.agent_id = a.id
            WHERE a.id = ANY(p_agents) AND a.depth = level
            GROUP BY a.parent_id, b.unit
        ) AS c
        WHERE p.agent_id = c.parent_id AND p.unit = c.unit;
    END LOOP;
END;
$$;

-- An agent ends, settles, gives its parent back what it did not spend, and wakes it if it was the last child
-- to be waited for. One that fails has no open children any more (`stop_children`, before its own row is locked) and
-- leaves its messages to its parent; one that is done while a message waits for it is not, and its caller must roll
-- back. No row where the lease is lost.
CREATE FUNCTION end_agent(
    p_agent uuid, p_fence bigint, p_state text, p_position integer, p_returned jsonb, p_error jsonb, p_provenance jsonb
)
RETURNS TABLE (seconds double precision, parent uuid, awake boolean, unheard boolean)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    awake := false;
    UPDATE agent AS a
    SET state = p_state, lease_owner = NULL, lease_until = NULL, next_position = p_position, returned = p_returned,
        error = p_error, provenance = p_provenance, finished_at = clock_timestamp()
    WHERE a.id = p_agent AND a.fence = p_fence AND a.state = 'running' AND a.lease_until > clock_timestamp()
    RETURNING extract(epoch FROM a.finished_at - a.started_at), a.parent_id, p_state = 'done' AND a.messages > 0
    INTO seconds, parent, unheard;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF unheard THEN
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM settle_ended(ARRAY[p_agent]);
    IF parent IS NOT NULL THEN
        SELECT a.open_children = 1 AND a.state = 'waiting' AND a.waiting_on = 'children' INTO awake FROM agent AS a
        WHERE a.id = parent FOR NO KEY UPDATE;
        UPDATE agent AS a
        SET open_children = a.open_children - 1,
            state = CASE WHEN awake THEN 'ready' ELSE a.state END,
            waiting_on = CASE WHEN awake THEN NULL ELSE a.waiting_on END,
            published_at = CASE WHEN awake THEN clock_timestamp() ELSE a.published_at END
        WHERE a.id = parent;
        UPDATE budget AS p
        SET delegated = p.delegated - coalesce(c.granted, 0), spent = p.spent + c.spent
        FROM budget AS c
        WHERE c.agent_id = p_agent AND p.agent_id = parent AND p.unit = c.unit;
        IF p_state <> 'done' THEN
            awake := pass_on_messages(ARRAY[p_agent], parent) OR awake;
        END IF;
    END IF;
    RETURN NEXT;
END;
$$;

-- The whole end of a turn that ends an agent below the root, to whom nobody speaks, and leaves nothing else: its
-- events, the last of which tells of its end and gets the seconds if it did not fail, and its parent's message. No
-- row where the lease is lost. The first `p_told` events tell how its last call ended.
CREATE FUNCTION end_turn(
    p_tenant uuid, p_task uuid, p_agent uuid, p_fence bigint, p_state text, p_position integer, p_returned jsonb,
    p_error jsonb, p_provenance jsonb, p_events text[], p_data text[], p_call uuid, p_told integer
)
RETURNS TABLE (parent uuid, awake boolean)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    seconds double precision;
    last integer := cardinality(p_events);
BEGIN
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    SELECT e.seconds, e.parent, e.awake INTO seconds, parent, awake
    FROM end_agent(p_agent, p_fence, p_state, p_position, p_returned, p_error, p_provenance) AS e;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF awake THEN
        INSERT INTO outbox (tenant_id, topic, subject_id) VALUES (p_tenant, 'advance', parent);
    END IF;
    IF p_state = 'done' THEN
        p_data[last] := (p_data[last]::jsonb || jsonb_build_object('seconds', round(seconds::numeric, 4)))::text;
    END IF;
    PERFORM tell(p_task, array_fill(p_agent, ARRAY[last]), p_events, p_data, p_call, p_told);
    RETURN NEXT;
END;
$$;
