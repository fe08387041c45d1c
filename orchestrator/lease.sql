-- name: hold
-- Law 4. FOR SHARE makes a reaper wait until this transaction is over.
SELECT 1 AS held FROM agent
WHERE id = %(agent)s AND fence = %(fence)s AND state = 'running' AND lease_until > clock_timestamp()
FOR SHARE

-- name: extend
SELECT agent_id, extended FROM extend_leases(%(owner)s, %(agents)s, %(fences)s, %(seconds)s)
