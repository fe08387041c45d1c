-- name: expired
SELECT tenant_id, agent_id, fence FROM expired_agents(%(most)s)

-- name: reclaim
-- The reaper takes back an agent whose lease ran out; the raised fence shuts its old worker out. Lost turns are
-- counted where they came to nothing: an agent that gets on, however often its workers die, is not what ends them.
UPDATE agent AS a
SET state = 'ready',
    lease_owner = NULL,
    lease_until = NULL,
    fence = fence + 1,
    lost_turns = 1 + CASE
        WHEN EXISTS (
            SELECT FROM call AS c WHERE c.agent_id = a.id AND c.fence = a.fence AND c.state <> 'intent'
        ) THEN 0
        ELSE lost_turns
    END,
    published_at = clock_timestamp()
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'running' AND lease_until <= clock_timestamp()
RETURNING task_id, fence, lost_turns

-- name: republish
SELECT republish_ready(%(seconds)s, %(most)s) AS published

-- name: unlearned
SELECT tenant_id, task_id FROM unlearned_tasks(%(seconds)s, %(most)s)
