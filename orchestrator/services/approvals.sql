-- name: approvals
-- Newest first. Times are shown as the clock on the wall would have them.
SELECT p.*, a.role, a.title, a.granted,
    p.expires_at + t.paused_for + coalesce(clock_timestamp() - t.paused_at, '0') AS due
FROM approval AS p
JOIN agent AS a ON a.id = p.agent_id
JOIN task AS t ON t.id = p.task_id
WHERE (%(approval)s::uuid IS NULL OR p.id = %(approval)s)
    AND (%(status)s::text IS NULL OR p.state = %(status)s)
    AND (%(task)s::uuid IS NULL OR p.task_id = %(task)s)
    AND (%(before)s::timestamptz IS NULL OR (p.requested_at, p.id) < (%(before)s, %(before_id)s::uuid))
ORDER BY p.requested_at DESC, p.id DESC
LIMIT %(limit)s

-- name: lock_agent
SELECT a.id FROM agent AS a JOIN approval AS p ON p.agent_id = a.id
WHERE p.id = %(approval)s FOR UPDATE OF a

-- name: decide
UPDATE approval
SET state = %(state)s, edited = %(edited)s, note = %(note)s, decided_by = %(by)s, decided_at = clock_timestamp()
WHERE id = %(approval)s AND state = 'pending'

-- name: expire
UPDATE approval AS p
SET state = 'expired', decided_at = clock_timestamp()
FROM task AS t
WHERE p.id = %(approval)s AND p.state = 'pending' AND t.id = p.task_id
    AND p.expires_at <= task_time(t.paused_at, t.paused_for)

-- name: wake
UPDATE agent
SET state = 'ready', waiting_on = NULL, published_at = clock_timestamp()
WHERE id = %(agent)s AND waiting_on = 'approval'
