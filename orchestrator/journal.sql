-- name: begin
SELECT * FROM begin_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(id)s, %(position)s, %(kind)s, %(name)s, %(effect)s,
    %(request)s, %(request_hash)s, %(units)s::text[], %(amounts)s::bigint[], %(covered)s::bigint[], %(reserved)s, %(event)s, %(data)s
)

-- name: refuse
-- In the place of the call, with its request's hash: a repeated turn finds it as it would find the call.
INSERT INTO call (
    id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, state, outcome, fence,
    finished_at
)
VALUES (
    %(id)s, %(tenant)s, %(task)s, %(agent)s, %(position)s, 'step', 'refused', 'pure', '{}', %(request_hash)s,
    'failed', %(outcome)s, %(fence)s, clock_timestamp()
)

-- name: hold_more
UPDATE call SET reserved = %(reserved)s, attempts = attempts + %(attempts)s
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
SELECT conclude_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(position)s, %(state)s, %(outcome)s, %(usage)s,
    %(units)s::text[], %(reserved)s::bigint[], %(used)s::bigint[], %(events)s::text[], %(data)s::text[]
) AS held
