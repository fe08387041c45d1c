-- name: recorded
SELECT request_hash, state, outcome, reserved FROM call
WHERE agent_id = %(agent)s AND position = %(position)s

-- name: intend
INSERT INTO call (
    id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, reserved, fence
)
VALUES (
    %(id)s, %(tenant)s, %(task)s, %(agent)s, %(position)s, %(kind)s, %(name)s, %(effect)s,
    %(request)s, %(request_hash)s, %(reserved)s, %(fence)s
)

-- name: intend_again
UPDATE call SET attempts = attempts + 1, fence = %(fence)s, started_at = clock_timestamp()
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: hold_more
UPDATE call SET reserved = %(reserved)s, attempts = attempts + %(attempts)s
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
UPDATE call
SET state = %(state)s, outcome = %(outcome)s, usage = %(usage)s, reserved = '{}', finished_at = clock_timestamp()
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'
