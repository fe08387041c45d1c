-- name: begin
SELECT * FROM begin_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(id)s, %(position)s, %(kind)s, %(name)s, %(effect)s,
    %(request)s, %(request_hash)s, %(units)s::text[], %(amounts)s::bigint[], %(covered)s::bigint[], %(reserved)s, %(event)s, %(data)s
)

-- name: proceed
-- The outcome of the last call and the intent of the next, all at once. A lost lease stops both, and the events
-- come last, because they lock the task.
SELECT begun.*
FROM (
    SELECT conclude_call(
        %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(done_position)s, %(done_state)s, %(done_outcome)s,
        %(done_usage)s, %(done_units)s::text[], %(done_reserved)s::bigint[], %(done_used)s::bigint[], '{}', '{}'
    ) AS held
    OFFSET 0
) AS done
CROSS JOIN LATERAL begin_call(
    %(tenant)s, %(task)s, %(agent)s, CASE WHEN done.held THEN %(fence)s ELSE -1 END, %(id)s, %(position)s, %(kind)s,
    %(name)s, %(effect)s, %(request)s, %(request_hash)s, %(units)s::text[], %(amounts)s::bigint[],
    %(covered)s::bigint[], %(reserved)s, NULL, NULL
) AS begun
CROSS JOIN LATERAL (
    SELECT CASE begun.verdict
        WHEN 'new' THEN cardinality(%(events)s::text[]) WHEN 'lease_lost' THEN 0 ELSE %(done_events)s
    END AS events
) AS told
CROSS JOIN LATERAL write_events(
    %(task)s, array_fill(%(agent)s::uuid, ARRAY[told.events]), (%(events)s::text[])[1:told.events],
    (%(data)b::text[])[1:told.events]
) AS written

-- name: hold_more
UPDATE call SET reserved = %(reserved)s, attempts = attempts + %(attempts)s
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
SELECT conclude_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(position)s, %(state)s, %(outcome)s, %(usage)s,
    %(units)s::text[], %(reserved)s::bigint[], %(used)s::bigint[], %(events)s::text[], %(data)b::text[]
) AS held
