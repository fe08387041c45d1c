-- name: park
-- The turn ends in the middle, and what it did is in the journal. Timers ring in the time of the task.
UPDATE agent AS a
SET state = 'waiting',
    waiting_on = %(on)s,
    wake_position = %(position)s,
    wake_at = CASE WHEN %(on)s = 'timer'
        THEN least(task_time(t.paused_at, t.paused_for) + make_interval(secs => %(seconds)s), %(deadline)s) END,
    lease_owner = NULL,
    lease_until = NULL,
    lost_turns = 0,
    published_at = clock_timestamp()
FROM task AS t
WHERE a.id = %(agent)s AND a.fence = %(fence)s AND a.state = 'running' AND a.lease_until > clock_timestamp()
    AND t.id = a.task_id
RETURNING a.wake_at + t.paused_for AS until

-- name: ask
WITH due AS (
    SELECT t.paused_for,
        least(task_time(t.paused_at, t.paused_for) + make_interval(secs => %(seconds)s), %(deadline)s) AS at
    FROM task AS t WHERE t.id = %(task)s
),
made AS (
    INSERT INTO approval (
        id, tenant_id, task_id, agent_id, position, attempt, kind, tool, arguments, evidence, fallback, expires_at
    )
    SELECT %(id)s, %(tenant)s, %(task)s, %(agent)s, %(position)s, %(attempt)s, %(kind)s, %(tool)s,
        %(arguments)s, %(evidence)s, %(fallback)s, due.at
    FROM due
)
SELECT due.at + due.paused_for AS expires_at FROM due
