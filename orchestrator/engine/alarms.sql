-- name: due_timers
SELECT tenant_id, agent_id FROM due_timers(%(most)s)

-- name: expired_approvals
SELECT tenant_id, approval_id FROM expired_approvals(%(most)s)

-- name: ring
-- The place stays with the agent: the call that is waiting there sees that its time is over.
UPDATE agent AS a
SET state = 'ready', waiting_on = NULL, published_at = clock_timestamp()
FROM task AS t
WHERE a.id = %(agent)s AND a.waiting_on = 'timer' AND t.id = a.task_id
    AND a.wake_at <= task_time(t.paused_at, t.paused_for)
