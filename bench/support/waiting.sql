-- name: plant_task
INSERT INTO task (id, tenant_id, goal, model, granted)
VALUES (
    gen_random_uuid(), %(tenant)s, 'wait with ' || %(agents)s || ' agents',
    '{"name": "scripted", "provider": "script", "offline": false, "base_url": null}', %(budget)s
)
RETURNING id

-- name: plant_agents
-- Numbered breadth first from 0, so that the children of n are width * n + 1 to width * n + width.
WITH numbered AS (
    SELECT n, (n - 1) / %(width)s AS parent, least(%(width)s, greatest(0, %(agents)s - 1 - %(width)s * n)) AS children
    FROM generate_series(0, %(agents)s - 1) AS n
)
INSERT INTO agent (
    id, tenant_id, task_id, parent_id, position, key, depth, role, title, brief, return_schema, granted,
    provenance, state, waiting_on, open_children, spawned, next_position, fence, turns, started_at
)
SELECT
    md5(%(task)s::text || n)::uuid, %(tenant)s, %(task)s,
    CASE WHEN n > 0 THEN md5(%(task)s::text || parent)::uuid END,
    CASE WHEN n > 0 THEN (n - 1) %% %(width)s ELSE 0 END,
    'w' || n, ceil(log(%(width)s, (n + 1)::numeric)), CASE WHEN children > 0 THEN 'lead' ELSE 'worker' END,
    'waits ' || n, %(brief)s, CASE WHEN n > 0 THEN '{"type": "object"}'::jsonb END, %(grant)s, %(provenance)s,
    'waiting', CASE WHEN children > 0 THEN 'children' ELSE 'approval' END, children, children, 2, 1, 1,
    clock_timestamp()
FROM numbered
ORDER BY n

-- name: plant_budgets
INSERT INTO budget (tenant_id, agent_id, unit, granted, spent)
SELECT %(tenant)s, a.id, u.unit, NULL, 50
FROM agent AS a, unnest(ARRAY['tokens', 'cost', 'tool_calls']) AS u (unit)
WHERE a.task_id = %(task)s

-- name: plant_checkpoints
INSERT INTO checkpoint (tenant_id, agent_id, namespace, checkpoint_id, kind, content, metadata, fence)
SELECT %(tenant)s, a.id, '', 'planted', 'msgpack', decode(repeat('00', %(bytes)s), 'hex'), '{}', 1
FROM agent AS a
WHERE a.task_id = %(task)s

-- name: plant_events
WITH placed AS (
    INSERT INTO event (tenant_id, task_id, seq, agent_id, kind, data, at)
    SELECT %(tenant)s, %(task)s, row_number() OVER (ORDER BY a.depth, a.id), a.id, 'agent.waiting',
        jsonb_build_object('on', a.waiting_on, 'children', a.open_children), clock_timestamp()
    FROM agent AS a
    WHERE a.task_id = %(task)s
    RETURNING 1
)
UPDATE task SET event_seq = (SELECT count(*) FROM placed) WHERE id = %(task)s

-- name: count_waiting
SELECT count(*) FROM agent WHERE task_id = %(task)s AND state = 'waiting'

-- name: count_connections
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'treehold_app'
