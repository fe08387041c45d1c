-- name: hold
SELECT holds(%(agent)s, %(fence)s) AS held

-- name: extend
SELECT agent_id, extended FROM extend_leases(%(owner)s, %(agents)s, %(fences)s, %(seconds)s)
