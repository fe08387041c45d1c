-- name: save_checkpoint
-- The newest is all that a turn begins from.
WITH older AS (
    DELETE FROM checkpoint
    WHERE agent_id = %(agent)s AND namespace = %(namespace)s AND checkpoint_id <> %(checkpoint_id)s
)
INSERT INTO checkpoint (
    tenant_id, agent_id, namespace, checkpoint_id, parent_checkpoint_id, kind, content, metadata, writes, fence
)
VALUES (
    %(tenant)s, %(agent)s, %(namespace)s, %(checkpoint_id)s, %(parent_checkpoint_id)s,
    %(kind)s, %(content)s, %(metadata)s, %(writes)s, %(fence)s
)
ON CONFLICT (agent_id, namespace, checkpoint_id)
DO UPDATE SET content = excluded.content, writes = excluded.writes, fence = excluded.fence

-- name: stop_children
SELECT stop_children(%(agent)s, NULL) AS stopped

-- name: end_agent
SELECT * FROM end_agent(
    %(agent)s, %(fence)s, %(state)s, %(position)s, %(returned)s, %(error)s, %(provenance)s
)

-- name: end_turn
SELECT * FROM end_turn(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(state)s, %(position)s, %(returned)s, %(error)s, %(provenance)s,
    %(events)s::text[], %(data)b::text[], NULL, 0
)

-- name: end_turn_with_call
-- The outcome of its last call first; a lost lease stops both.
SELECT ended.*
FROM (
    SELECT conclude_call(
        %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(done_position)s, %(done_state)s, %(done_outcome)s,
        %(done_usage)s, %(done_units)s::text[], %(done_reserved)s::bigint[], %(done_used)s::bigint[], '{}', '{}'
    ) AS held
    OFFSET 0
) AS done
CROSS JOIN LATERAL end_turn(
    %(tenant)s, %(task)s, %(agent)s, CASE WHEN done.held THEN %(fence)s ELSE -1 END, %(state)s, %(position)s,
    %(returned)s, %(error)s, %(provenance)s, %(events)s::text[], %(data)b::text[], %(done_id)s, %(done_events)s
) AS ended

-- name: close_waiting
-- The turn ends in a wait; children that are already done, and messages that came, would have nobody left to wake.
UPDATE agent
SET state = CASE WHEN open_children + %(spawned)s = 0 OR messages > 0 THEN 'ready' ELSE 'waiting' END,
    waiting_on = CASE WHEN open_children + %(spawned)s = 0 OR messages > 0 THEN NULL ELSE %(waiting_on)s END,
    open_children = open_children + %(spawned)s,
    spawned = spawned + %(spawned)s,
    lease_owner = NULL,
    lease_until = NULL,
    lost_turns = 0,
    next_position = %(position)s,
    provenance = %(provenance)s,
    published_at = clock_timestamp()
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'running' AND lease_until > clock_timestamp()
RETURNING state

-- name: finish_task
UPDATE task
SET status = %(status)s,
    stop_reason = %(stop_reason)s,
    answer = %(answer)s,
    error = %(error)s,
    finished_at = clock_timestamp()
WHERE id = %(task)s AND status = 'running'
RETURNING extract(epoch FROM clock_timestamp() - created_at)::double precision AS seconds

-- name: hand_back
-- A worker that stops gives its agent to another at once.
UPDATE agent
SET state = 'ready', lease_owner = NULL, lease_until = NULL, fence = fence + 1, published_at = clock_timestamp()
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'running'

-- name: fail_ready
-- An agent that keeps losing its workers is given up: claimed here, and closed in the same transaction.
UPDATE agent
SET state = 'running', lease_owner = 'reaper', fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => 60),
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'ready'
RETURNING fence, provenance, next_position
