-- Steering: what people say to a task while it runs, and how its leads take that in.

-- How many messages the task got: the number of the last one.
ALTER TABLE task ADD COLUMN messages integer NOT NULL DEFAULT 0;

-- How many messages wait for the agent. In its own row, so that whoever ends or puts the agent to sleep sees
-- one that is posted at the same moment, or is seen by its poster.
ALTER TABLE agent ADD COLUMN messages integer NOT NULL DEFAULT 0 CHECK (messages >= 0);

-- `agent_id` is the lead it is for. Pending until that lead takes it in a turn, then taken until it took effect,
-- at event `applied_seq`, or was refused.
CREATE TABLE message (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    number integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('add', 'revise', 'retract', 'ask')),
    node_id uuid,
    node_key text,
    text text NOT NULL,
    key_id uuid NOT NULL,
    agent_id uuid NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'taken', 'applied', 'refused')),
    applied_seq bigint,
    refusal jsonb,
    reply text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    concluded_at timestamptz,
    UNIQUE (task_id, number),
    CHECK ((state = 'applied') = (applied_seq IS NOT NULL)),
    CHECK ((state = 'refused') = (refusal IS NOT NULL)),
    CHECK (reply IS NULL OR kind = 'ask')
);
CREATE INDEX message_open ON message (agent_id) WHERE state IN ('pending', 'taken');
CALL protect('message');

-- Who a message about a node is for: the lead whose plan holds it (the root's, without a node), else the nearest
-- above it that still works. Its row stays locked, and where it waits for children it is made ready. No row
-- where the whole task is over. Rows are locked from children to parents, as closing transactions do.
CREATE FUNCTION address_message(p_task uuid, p_node uuid)
RETURNS TABLE (lead uuid, woken boolean)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    found_state text;
    above uuid;
BEGIN
    SELECT p.agent_id INTO lead FROM tree_node AS n
    JOIN tree_node AS p ON p.tenant_id = n.tenant_id AND p.id = n.parent_id
    WHERE n.task_id = p_task AND n.id = p_node;
    IF lead IS NULL THEN
        SELECT id INTO lead FROM agent WHERE task_id = p_task AND parent_id IS NULL;
    END IF;
    LOOP
        SELECT a.state, a.parent_id INTO found_state, above FROM agent AS a WHERE a.id = lead FOR NO KEY UPDATE;
        EXIT WHEN found_state IN ('ready', 'running', 'waiting');
        IF above IS NULL THEN
            RETURN;
        END IF;
        lead := above;
    END LOOP;
    woken := hand_messages(lead, 1);
    RETURN NEXT;
END;
$$;

-- Counts messages for an agent and wakes it where it waits for children; whether it was woken.
CREATE FUNCTION hand_messages(p_agent uuid, p_count integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    waiting boolean;
BEGIN
    SELECT a.state = 'waiting' AND a.waiting_on = 'children' INTO waiting FROM agent AS a
    WHERE a.id = p_agent FOR NO KEY UPDATE;
    UPDATE agent AS a
    SET messages = a.messages + p_count,
        state = CASE WHEN waiting THEN 'ready' ELSE a.state END,
        waiting_on = CASE WHEN waiting THEN NULL ELSE a.waiting_on END,
        published_at = CASE WHEN waiting THEN clock_timestamp() ELSE a.published_at END
    WHERE a.id = p_agent;
    RETURN waiting;
END;
$$;

-- Gives the messages of agents that have ended, and that did not take effect, to the one above; whether that one
-- was woken.
CREATE FUNCTION pass_on_messages(p_agents uuid[], p_to uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    passed integer;
BEGIN
    UPDATE message SET agent_id = p_to, state = 'pending'
    WHERE agent_id = ANY(p_agents) AND state IN ('pending', 'taken');
    GET DIAGNOSTICS passed = ROW_COUNT;
    RETURN passed > 0 AND hand_messages(p_to, passed);
END;
$$;

-- Cancels some children of an agent, all where none are named, with all below them, children before parents; settles
-- them and gives back what they did not spend. Asked again until none is left: what these spawned meanwhile is found
-- then. Rows of agents are locked before those of budgets, as a closing child does.
CREATE FUNCTION stop_children(p_agent uuid, p_children uuid[])
RETURNS uuid[]
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    stopped uuid[] := '{}';
    batch uuid[];
BEGIN
    LOOP
        WITH RECURSIVE below (id) AS (
            SELECT a.id FROM agent AS a
            WHERE a.parent_id = p_agent AND (p_children IS NULL OR a.id = ANY(p_children))
            UNION ALL
            SELECT a.id FROM agent AS a JOIN below AS b ON a.parent_id = b.id
        ),
        live AS (
            SELECT a.id FROM agent AS a
            WHERE a.id IN (SELECT id FROM below) AND a.state IN ('ready', 'running', 'waiting')
            ORDER BY a.depth DESC, a.id FOR UPDATE
        ),
        cancelled AS (
            UPDATE agent AS a
            SET state = 'cancelled', waiting_on = NULL, lease_owner = NULL, lease_until = NULL,
                fence = a.fence + 1, messages = 0, open_children = 0, finished_at = clock_timestamp()
            FROM live WHERE a.id = live.id
            RETURNING a.id
        )
        SELECT array_agg(id) INTO batch FROM cancelled;
        EXIT WHEN batch IS NULL;
        stopped := stopped || batch;
    END LOOP;
    IF cardinality(stopped) = 0 THEN
        RETURN stopped;
    END IF;
    UPDATE agent AS a
    SET open_children = a.open_children
        - (SELECT count(*) FROM agent AS c WHERE c.id = ANY(stopped) AND c.parent_id = p_agent)
    WHERE a.id = p_agent;
    PERFORM settle_ended(stopped);
    PERFORM give_back(stopped);
    PERFORM pass_on_messages(stopped, p_agent);
    RETURN stopped;
END;
$$;

-- What a resumed turn begins with: the children that have ended, and the messages that wait, which it takes. A
-- journal row makes a repeated turn begin with the same. Where `p_anyway` is false and no message waits, there is
-- no row: a repeated turn may then find more. In a fork, an agent that nobody said anything to hears what its
-- source heard here.
CREATE FUNCTION take_news(
    p_tenant uuid, p_task uuid, p_agent uuid, p_fence bigint, p_id uuid, p_position integer, p_request jsonb,
    p_hash bytea, p_anyway boolean
)
RETURNS TABLE (verdict text, head integer, children jsonb, messages jsonb)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    noted jsonb;
    hash bytea;
    waiting integer;
    source uuid;
    seen bigint;
    heard boolean;
    taken uuid[] := '{}';
BEGIN
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    SELECT a.messages, a.source_id INTO waiting, source FROM agent AS a
    WHERE a.id = p_agent AND a.fence = p_fence AND a.state = 'running' AND a.lease_until > clock_timestamp()
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        verdict := 'lease_lost';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT c.outcome, c.request_hash INTO noted, hash FROM call AS c
    WHERE c.agent_id = p_agent AND c.position = p_position;
    IF FOUND AND hash <> p_hash THEN
        verdict := 'diverged';
        RETURN NEXT;
        RETURN;
    ELSIF NOT FOUND THEN
        IF source IS NOT NULL AND waiting = 0 THEN
            noted := replay_news(p_task, p_agent, source, p_position, p_hash);
        END IF;
        heard := noted IS NOT NULL;
        IF NOT heard THEN
            IF source_was_stopped(p_agent) THEN
                verdict := 'stopped';
                RETURN NEXT;
                RETURN;
            ELSIF waiting > 0 THEN
                UPDATE agent AS a SET messages = 0 WHERE a.id = p_agent;
                WITH mine AS (
                    UPDATE message AS m SET state = 'taken' WHERE m.agent_id = p_agent AND m.state = 'pending'
                    RETURNING m.id, m.number
                )
                SELECT array_agg(id ORDER BY number) INTO taken FROM mine;
            ELSIF NOT p_anyway THEN
                verdict := 'none';
                RETURN NEXT;
                RETURN;
            END IF;
            noted := jsonb_build_object(
                'head', coalesce((SELECT t.head FROM tree AS t WHERE t.task_id = p_task), 0),
                'open', ARRAY(
                    SELECT a.id FROM agent AS a
                    WHERE a.parent_id = p_agent AND a.state NOT IN ('done', 'failed', 'cancelled')
                ),
                'messages', taken
            );
        END IF;
        -- Read after all that is noted, whose events thus have lower numbers.
        SELECT t.event_seq INTO seen FROM task AS t WHERE t.id = p_task;
        INSERT INTO call (
            id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, state, outcome,
            fence, finished_at, concluded_seq, concluded_events, replayed
        )
        VALUES (
            p_id, p_tenant, p_task, p_agent, p_position, 'step', 'news', 'pure', p_request, p_hash, 'done', noted,
            p_fence, clock_timestamp(), seen, 0, heard
        );
    END IF;
    verdict := 'taken';
    head := (noted ->> 'head')::integer;
    children := (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', a.id, 'key', a.key, 'node_id', a.node_id, 'state', a.state, 'returned', a.returned,
                'error', a.error, 'provenance', a.provenance
            ) ORDER BY a.position
        )
        FROM agent AS a
        WHERE a.parent_id = p_agent AND a.state IN ('done', 'failed', 'cancelled')
            AND NOT noted -> 'open' ? a.id::text
    );
    messages := (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', m.id, 'number', m.number, 'kind', m.kind, 'node', m.node_id, 'text', m.text,
                'state', m.state, 'key', m.key_id
            ) ORDER BY m.number
        )
        FROM message AS m WHERE noted -> 'messages' ? m.id::text AND m.agent_id = p_agent
    );
    RETURN NEXT;
END;
$$;
