-- Forks: tasks whose agents take from the journal of another task what was recorded up to one of its events.

-- In a task that is only a `replay`, no call is made that its source did not record.
ALTER TABLE task ADD COLUMN forked_from uuid REFERENCES task (id) ON DELETE SET NULL, ADD COLUMN forked_at bigint,
    ADD COLUMN replay boolean NOT NULL DEFAULT false;
CREATE INDEX task_forks ON task (forked_from) WHERE forked_from IS NOT NULL;

-- Whose journal an agent of a fork follows: the root the root's, a child that of its parent's source's child.
ALTER TABLE agent ADD COLUMN source_id uuid REFERENCES agent (id) ON DELETE SET NULL;
CREATE INDEX agent_followers ON agent (source_id) WHERE source_id IS NOT NULL;

-- Which of its task's events tell how a call ended: the first, and how many. Where none tells it, the call ended
-- behind the event before. `replayed` calls stand for a call of the source; nothing was asked for them.
ALTER TABLE call
ADD COLUMN concluded_seq bigint,
ADD COLUMN concluded_events integer,
ADD COLUMN replayed boolean NOT NULL DEFAULT false;

-- Whether an agent of a fork has done as its source did: behind the first call that it made itself it is on its own.
CREATE FUNCTION follows(p_agent uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = treehold, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM call AS c WHERE c.agent_id = p_agent AND NOT c.replayed)
$$;

-- Takes a call of a fork from the journal of the agent that it follows.
--
-- Verdict 'recorded': the call is in the fork's journal now, concluded, with events, artifacts and usage as they
-- were. 'in_doubt': the source had begun it, it may have an effect, and nobody knows whether it had. No row: it has
-- to be made.
CREATE FUNCTION replay_call(
    p_tenant uuid, p_task uuid, p_agent uuid, p_source uuid, p_fence bigint, p_id uuid, p_position integer,
    p_hash bytea, p_event text, p_data text
)
RETURNS TABLE (verdict text, state text, outcome jsonb, usage jsonb)
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    original call%ROWTYPE;
    fork task%ROWTYPE;
    stored artifact%ROWTYPE;
    told text;
    kinds text[];
    texts text[];
    olds text[];
    news text[];
    first bigint;
    started boolean;
BEGIN
    SELECT c.* INTO original FROM call AS c
    WHERE c.agent_id = p_source AND c.position = p_position AND c.request_hash = p_hash
        AND follows(p_agent);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT t.* INTO fork FROM task AS t WHERE t.id = p_task;
    IF original.concluded_seq IS NULL OR original.concluded_seq > fork.forked_at THEN
        IF original.effect = 'pure' OR NOT EXISTS (
            SELECT FROM event AS e
            WHERE e.task_id = original.task_id AND e.seq <= fork.forked_at
                AND e.kind = 'tool.started' AND e.data ->> 'call' = original.id::text
        ) THEN
            RETURN;
        ELSIF original.concluded_seq IS NULL THEN
            verdict := 'in_doubt';
            RETURN NEXT;
            RETURN;
        END IF;
    ELSIF original.state = 'failed' AND original.effect = 'pure' AND lifts_limits(fork)
        AND (
            original.outcome ? 'exhausted' OR original.outcome ->> 'limit' IS NOT NULL
            OR original.outcome ->> 'code' = 'deadline'
        )
    THEN
        RETURN;
    END IF;

    told := original.outcome::text;
    olds := ARRAY[original.id::text];
    news := ARRAY[p_id::text];
    IF original.kind = 'tool' THEN
        FOR stored IN
            SELECT a.* FROM artifact AS a
            WHERE a.id IN (SELECT jsonb_array_elements_text(original.outcome -> 'artifacts')::uuid)
        LOOP
            olds := olds || stored.id::text;
            stored.id := gen_random_uuid();
            news := news || stored.id::text;
            stored.task_id := p_task;
            stored.agent_id := p_agent;
            stored.created_at := clock_timestamp();
            INSERT INTO artifact SELECT stored.*;
        END LOOP;
    END IF;
    UPDATE budget AS b
    SET spent = b.spent + least(w.used, coalesce(b.granted - b.reserved - b.delegated - b.spent, w.used))
    FROM (
        VALUES
        ('tokens', (original.usage ->> 'prompt_tokens')::bigint + (original.usage ->> 'completion_tokens')::bigint),
        ('cost', (original.usage ->> 'cost')::bigint),
        ('tool_calls', (original.usage ->> 'tool_calls')::bigint)
    ) AS w (unit, used)
    WHERE b.agent_id = p_agent AND b.unit = w.unit AND w.used > 0;

    SELECT coalesce(array_agg(e.kind ORDER BY e.seq), '{}'), coalesce(array_agg(e.data::text ORDER BY e.seq), '{}')
    INTO kinds, texts
    FROM event AS e
    WHERE e.task_id = original.task_id AND e.seq >= original.concluded_seq
        AND e.seq < original.concluded_seq + original.concluded_events;
    started := p_event IS NOT NULL AND cardinality(kinds) > 0;
    IF started THEN
        kinds := p_event || kinds;
        texts := p_data || texts;
    END IF;
    FOR i IN 1 .. cardinality(olds) LOOP
        told := replace(told, olds[i], news[i]);
        texts := ARRAY(
            SELECT replace(t, olds[i], news[i]) FROM unnest(texts) WITH ORDINALITY AS u (t, n) ORDER BY n
        );
    END LOOP;
    texts := ARRAY(
        SELECT (t::jsonb || '{"replayed": true}')::text FROM unnest(texts) WITH ORDINALITY AS u (t, n) ORDER BY n
    );
    first := write_events(p_task, array_fill(p_agent, ARRAY[cardinality(kinds)]), kinds, texts);
    INSERT INTO call (
        id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, state, outcome, usage,
        attempts, fence, finished_at, concluded_seq, concluded_events, replayed
    )
    VALUES (
        p_id, p_tenant, p_task, p_agent, p_position, original.kind, original.name, original.effect,
        original.request, p_hash, original.state, told::jsonb, original.usage, original.attempts, p_fence,
        clock_timestamp(), first + started::integer - (cardinality(kinds) = 0)::integer, original.concluded_events, true
    );
    RETURN QUERY SELECT 'recorded', original.state, told::jsonb, original.usage;
END;
$$;

-- What an agent's source saw and heard at this point, as the fork has it: its children for the source's, and a
-- message of its own for each that the source took. Null where the source had heard nothing by the fork's event.
--
-- Children that end before their lead is told so, because nobody has to wait for them, are open to it as long as
-- they were in the source. What a message comes to is found again, but for one that was refused for want of
-- tokens: those that the lead's other children held are back by now.
CREATE FUNCTION replay_news(p_task uuid, p_agent uuid, p_source uuid, p_position integer, p_hash bytea) RETURNS jsonb
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
DECLARE
    original call%ROWTYPE;
    fork task%ROWTYPE;
    said message%ROWTYPE;
    theirs uuid;
    kinds text[];
    agents uuid[];
    texts text[];
    refused boolean;
    taken uuid[] := '{}';
BEGIN
    SELECT t.* INTO fork FROM task AS t WHERE t.id = p_task;
    SELECT c.* INTO original FROM call AS c
    WHERE c.agent_id = p_source AND c.position = p_position AND c.name = 'news' AND c.request_hash = p_hash
        AND c.concluded_seq <= fork.forked_at AND follows(p_agent);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR said IN
        SELECT m.* FROM message AS m
        WHERE m.task_id = original.task_id AND original.outcome -> 'messages' ? m.id::text
        ORDER BY m.number
    LOOP
        theirs := said.id;
        said.id := gen_random_uuid();
        UPDATE task AS t SET messages = t.messages + 1 WHERE t.id = p_task RETURNING t.messages INTO said.number;
        SELECT array_agg(e.kind ORDER BY e.seq),
            array_agg(CASE e.kind WHEN 'message.refused' THEN p_agent END ORDER BY e.seq),
            array_agg(
                (e.data || jsonb_build_object('id', said.id, 'number', said.number, 'replayed', true))::text
                ORDER BY e.seq
            )
        INTO kinds, agents, texts
        FROM event AS e
        WHERE e.task_id = original.task_id AND e.seq <= fork.forked_at AND e.data ->> 'id' = theirs::text
            AND (
                e.kind = 'message.received'
                OR e.kind = 'message.refused' AND e.data ->> 'code' = 'tokens' AND NOT lifts_limits(fork)
            );
        PERFORM write_events(p_task, agents, kinds, texts);
        refused := 'message.refused' = ANY(kinds);
        said.task_id := p_task;
        said.agent_id := p_agent;
        -- A step that is not in this tree has no id of this tree: the message is refused then, as for one taken out.
        said.node_id := coalesce(
            (
                SELECT n.id FROM tree_node AS n WHERE n.task_id = p_task AND n.key = said.node_key
                ORDER BY n.retired_rev IS NOT NULL, n.created_rev DESC LIMIT 1
            ),
            said.node_id
        );
        said.state := CASE WHEN refused THEN 'refused' ELSE 'taken' END;
        said.refusal := CASE WHEN refused THEN said.refusal END;
        said.concluded_at := CASE WHEN refused THEN clock_timestamp() END;
        said.applied_seq := NULL;
        said.reply := NULL;
        said.created_at := clock_timestamp();
        INSERT INTO message SELECT said.*;
        taken := taken || said.id;
    END LOOP;
    RETURN jsonb_build_object(
        'head', coalesce((SELECT t.head FROM tree AS t WHERE t.task_id = p_task), 0),
        'open', ARRAY(
            SELECT a.id FROM agent AS a
            WHERE a.parent_id = p_agent
                AND (
                    a.state NOT IN ('done', 'failed', 'cancelled')
                    OR original.outcome -> 'open' ? a.source_id::text
                )
        ),
        'messages', taken
    );
END;
$$;

-- Whether the agent that this one follows was stopped by the fork's event, because of what its lead was told: the
-- lead of the fork is told it too, and the work is void here as it was there. Not so where the whole task was
-- cancelled, nor where the fork's lead does otherwise than its source. In a fork of a fork, the source ended as
-- this one does now.
CREATE FUNCTION source_was_stopped(p_agent uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = treehold, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM agent AS own
        JOIN task AS fork ON fork.id = own.task_id
        JOIN agent AS source ON source.id = own.source_id
        JOIN event AS e ON e.task_id = source.task_id AND e.agent_id = source.id
        WHERE own.id = p_agent AND source.state IN ('cancelled', 'failed') AND follows(own.parent_id)
            AND e.seq <= fork.forked_at
            AND CASE source.state
                WHEN 'cancelled' THEN e.kind = 'agent.cancelled' AND NOT EXISTS (
                    SELECT FROM event AS c
                    WHERE c.task_id = source.task_id AND c.kind = 'task.cancelling' AND c.seq < e.seq
                )
                ELSE e.kind = 'agent.failed' AND e.data ->> 'code' = 'stopped'
            END
    )
$$;

-- Whether nobody has to be asked about a call: it is taken from the source, where somebody was, or not made at all.
CREATE FUNCTION follow_call(
    p_tenant uuid, p_task uuid, p_agent uuid, p_source uuid, p_fence bigint, p_id uuid, p_position integer,
    p_hash bytea, p_event text, p_data text
)
RETURNS boolean
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    PERFORM set_config('treehold.tenant', p_tenant::text, true);
    IF NOT holds(p_agent, p_fence) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM call AS c WHERE c.agent_id = p_agent AND c.position = p_position AND c.replayed)
        OR EXISTS (
            SELECT FROM replay_call(
                p_tenant, p_task, p_agent, p_source, p_fence, p_id, p_position, p_hash, p_event, p_data
            )
        )
        OR source_was_stopped(p_agent);
END;
$$;

-- Whether a fork was given another budget than its source: then what ended at a limit may be tried again.
CREATE FUNCTION lifts_limits(fork task) RETURNS boolean
LANGUAGE sql STABLE SET search_path = treehold, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM task AS s WHERE s.id = fork.forked_from AND s.granted <> fork.granted)
$$;
