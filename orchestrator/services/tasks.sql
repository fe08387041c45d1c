-- name: insert_task
INSERT INTO task (id, tenant_id, goal, workspace, output_schema, model, granted, tags, traceparent)
VALUES (
    %(id)s, %(tenant)s, %(goal)s, %(workspace)s, %(output_schema)s, %(model)s, %(granted)s, %(tags)s, %(traceparent)s
)

-- name: tasks
-- Newest first; usage and agent counts come from the journal and the agents themselves.
SELECT t.*,
    (SELECT count(*) FROM agent AS a WHERE a.task_id = t.id) AS agents,
    u.*
FROM task AS t
LEFT JOIN LATERAL (
    SELECT coalesce(sum((c.usage ->> 'prompt_tokens')::bigint), 0) AS prompt_tokens,
        coalesce(sum((c.usage ->> 'completion_tokens')::bigint), 0) AS completion_tokens,
        coalesce(sum((c.usage ->> 'cached_tokens')::bigint), 0) AS cached_tokens,
        coalesce(sum((c.usage ->> 'cost')::bigint), 0) AS cost,
        count(*) FILTER (WHERE c.kind = 'model') AS model_calls,
        count(*) FILTER (WHERE c.kind = 'tool') AS tool_calls
    FROM call AS c WHERE c.task_id = t.id
) AS u ON true
WHERE (%(task)s::uuid IS NULL OR t.id = %(task)s)
    AND (%(status)s::text IS NULL OR t.status = %(status)s)
    AND (%(before)s::timestamptz IS NULL OR (t.created_at, t.id) < (%(before)s, %(before_id)s::uuid))
ORDER BY t.created_at DESC, t.id DESC
LIMIT %(limit)s

-- name: agents
SELECT a.id, a.parent_id, a.depth, a.position, a.role, a.title, a.state, a.waiting_on, a.turns, a.lost_turns,
    a.returned, a.error, a.created_at, a.started_at, a.finished_at,
    coalesce(extract(epoch FROM coalesce(a.finished_at, clock_timestamp()) - a.started_at), 0)
        ::double precision AS seconds,
    b.granted AS granted_tokens,
    coalesce(b.reserved, 0) AS reserved_tokens,
    u.*
FROM agent AS a
LEFT JOIN budget AS b ON b.agent_id = a.id AND b.unit = 'tokens'
LEFT JOIN LATERAL (
    SELECT coalesce(sum((c.usage ->> 'prompt_tokens')::bigint), 0) AS prompt_tokens,
        coalesce(sum((c.usage ->> 'completion_tokens')::bigint), 0) AS completion_tokens,
        coalesce(sum((c.usage ->> 'cached_tokens')::bigint), 0) AS cached_tokens,
        coalesce(sum((c.usage ->> 'cost')::bigint), 0) AS cost,
        count(*) FILTER (WHERE c.kind = 'model') AS model_calls,
        count(*) FILTER (WHERE c.kind = 'tool') AS tool_calls
    FROM call AS c WHERE c.agent_id = a.id
) AS u ON true
WHERE a.task_id = %(task)s
ORDER BY a.depth, a.created_at, a.position

-- name: cancel_agents
-- Locks children before their parents, as closing transactions do. What these spawned meanwhile, the next call finds.
WITH open AS (
    SELECT id FROM agent
    WHERE task_id = %(task)s AND state IN ('ready', 'running', 'waiting')
    ORDER BY depth DESC, id FOR UPDATE
)
UPDATE agent AS a
SET state = 'cancelled', waiting_on = NULL, lease_owner = NULL, lease_until = NULL,
    fence = a.fence + 1, finished_at = clock_timestamp()
FROM open WHERE a.id = open.id
RETURNING a.id

-- name: announce_cancel
-- To the processes that run its turns, once this is committed.
SELECT pg_notify('treehold_cancelled', %(task)s::text)

-- name: cancel_task
UPDATE task
SET status = 'cancelled', stop_reason = 'cancelled', finished_at = clock_timestamp(),
    cancel_requested_at = clock_timestamp()
WHERE id = %(task)s AND status = 'running'
RETURNING extract(epoch FROM clock_timestamp() - created_at)::double precision AS seconds

-- name: events
SELECT seq, at, kind, task_id, agent_id, data FROM event
WHERE task_id = %(task)s AND seq > %(after)s
ORDER BY seq LIMIT %(limit)s

-- name: task_exists
SELECT status, event_seq FROM task WHERE id = %(task)s

-- name: calls
SELECT id, agent_id, position, kind, name, effect, state, NULL::jsonb AS request, NULL::jsonb AS outcome,
    usage, attempts, replayed, started_at, finished_at
FROM call
WHERE task_id = %(task)s AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
ORDER BY started_at, position

-- name: call
SELECT id, agent_id, position, kind, name, effect, state, request, outcome,
    usage, attempts, replayed, started_at, finished_at
FROM call
WHERE task_id = %(task)s AND id = %(call)s

-- name: artifacts
SELECT id, task_id, agent_id, name, media_type, size, sha256, provenance, created_at
FROM artifact WHERE task_id = %(task)s ORDER BY created_at, id

-- name: artifact
SELECT id, task_id, agent_id, name, media_type, size, sha256, provenance, created_at, content
FROM artifact WHERE id = %(artifact)s
