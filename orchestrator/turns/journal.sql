-- name: begin
SELECT * FROM begin_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(id)s, %(position)s, %(kind)s, %(name)s, %(effect)s,
    %(request)s, %(request_hash)s, %(units)s::text[], %(amounts)s::bigint[], %(covered)s::bigint[], %(reserved)s, %(event)s, %(data)s,
    %(source)s
)

-- name: follow
SELECT follow_call(
    %(tenant)s, %(task)s, %(agent)s, %(source)s, %(fence)s, %(id)s, %(position)s, %(request_hash)s, %(event)s, %(data)s
) AS followed

-- name: exhausted
-- A call that the grant did not cover: it was not made, and is not asked for again.
INSERT INTO call (
    id, tenant_id, task_id, agent_id, position, kind, name, effect, request, request_hash, state, outcome, fence,
    finished_at, concluded_seq, concluded_events
)
SELECT %(id)s, %(tenant)s, %(task)s, %(agent)s, %(position)s, 'step', 'exhausted', 'pure', %(request)s, %(request_hash)s,
    'failed', %(outcome)s, %(fence)s, clock_timestamp(), told.seq, 1
FROM write_events(
    %(task)s, ARRAY[%(agent)s::uuid], ARRAY[%(event)s::text], ARRAY[%(data)s::text]
) AS told (seq)

-- name: again
UPDATE call SET attempts = attempts + 1, fence = %(fence)s, started_at = clock_timestamp()
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

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
    %(covered)s::bigint[], %(reserved)s, NULL, NULL, %(source)s
) AS begun
CROSS JOIN LATERAL (
    SELECT CASE begun.verdict
        WHEN 'new' THEN cardinality(%(events)s::text[]) WHEN 'lease_lost' THEN 0 ELSE %(done_events)s
    END AS events
) AS told
CROSS JOIN LATERAL tell(
    %(task)s, array_fill(%(agent)s::uuid, ARRAY[told.events]), (%(events)s::text[])[1:told.events],
    (%(data)b::text[])[1:told.events], %(done_id)s, least(told.events, %(done_events)s)
) AS written

-- name: hold_more
UPDATE call SET reserved = %(reserved)s, attempts = attempts + %(attempts)s
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
SELECT conclude_call(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(position)s, %(state)s, %(outcome)s, %(usage)s,
    %(units)s::text[], %(reserved)s::bigint[], %(used)s::bigint[], %(events)s::text[], %(data)b::text[]
) AS held
