-- name: begin
SELECT * FROM begin_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(id)s, %(position)s, %(kind)s, %(name)s, %(effect)s,
    %(request)s, %(request_hash)s, %(units)s::text[], %(amounts)s::bigint[], %(covered)s::bigint[], %(reserved)s, %(event)s, %(data)s
)

-- name: again
UPDATE call SET attempts = attempts + 1, fence = %(fence)s, started_at = clock_timestamp()
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: hold_more
UPDATE call SET reserved = %(reserved)s, attempts = attempts + %(attempts)s
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
SELECT conclude_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(position)s, %(state)s, %(outcome)s, %(usage)s,
    %(units)s::text[], %(reserved)s::bigint[], %(used)s::bigint[], %(events)s::text[], %(data)s::text[]
) AS held
