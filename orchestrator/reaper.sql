-- name: expired
SELECT tenant_id, agent_id, fence FROM expired_agents(%(most)s)

-- name: reclaim
-- The reaper takes back an agent whose lease ran out; the raised fence shuts its old worker out.
UPDATE agent
SET state = 'ready',
    lease_owner = NULL,
    lease_until = NULL,
    fence = fence + 1,
    lost_turns = lost_turns + 1,
    published_at = clock_timestamp()
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'running' AND lease_until <= clock_timestamp()
RETURNING task_id, fence, lost_turns

-- name: republish
SELECT republish_ready(%(seconds)s, %(most)s) AS published

-- name: unlearned
SELECT tenant_id, task_id FROM unlearned_tasks(%(seconds)s, %(most)s)
