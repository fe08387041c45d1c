-- name: claim
-- A turn begins: one statement takes the lease and raises the fence.
UPDATE agent AS a
SET state = 'running',
    waiting_on = NULL,
    lease_owner = %(owner)s,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    fence = a.fence + 1,
    turns = a.turns + 1,
    republished = 0,
    started_at = coalesce(a.started_at, clock_timestamp())
FROM task AS t
WHERE a.id = %(agent)s AND a.state = 'ready' AND t.id = a.task_id AND t.status = 'running'
RETURNING a.*, t.workspace,
    (
        SELECT count(*)::integer FROM call AS c
        WHERE c.agent_id = a.id AND c.kind = 'model' AND c.position < a.next_position
    ) AS model_calls

-- name: load_checkpoint
SELECT checkpoint_id, parent_checkpoint_id, kind, content, metadata, writes
FROM checkpoint
WHERE agent_id = %(agent)s AND namespace = ''
ORDER BY fence DESC, checkpoint_id DESC LIMIT 1
