-- name: pause
UPDATE task SET paused_at = clock_timestamp() WHERE id = %(task)s AND status = 'running' AND paused_at IS NULL

-- name: resume
-- Turns that began before this do not know how long it was; their next call sends them back for it.
WITH paused AS (
    SELECT id, paused_at FROM task
    WHERE id = %(task)s AND status = 'running' AND paused_at IS NOT NULL FOR UPDATE
)
UPDATE task AS t
SET paused_for = t.paused_for + (clock_timestamp() - p.paused_at), paused_at = NULL, resumed_at = clock_timestamp()
FROM paused AS p WHERE t.id = p.id
RETURNING extract(epoch FROM t.resumed_at - p.paused_at)::double precision AS seconds

-- name: ready
SELECT id FROM agent WHERE task_id = %(task)s AND state = 'ready'

-- name: status
SELECT status FROM task WHERE id = %(task)s
