-- name: standing
-- What was decided about a call, whether it was begun, and who ran it last where that is lost.
SELECT p.state, p.edited, p.note, p.fallback, c.started_at AS begun_at,
    (
        SELECT e.data ->> 'worker' FROM event AS e
        WHERE c.state = 'intent' AND e.task_id = %(task)s AND e.agent_id = %(agent)s AND e.kind IN ('agent.started', 'agent.resumed')
            AND (e.data ->> 'fence')::bigint = c.fence
        LIMIT 1
    ) AS worker
FROM (SELECT) AS always
LEFT JOIN call AS c ON c.agent_id = %(agent)s AND c.position = %(position)s
LEFT JOIN approval AS p
    ON p.agent_id = %(agent)s AND p.position = %(position)s AND p.attempt = %(attempt)s

-- name: found_in
-- The agent's earlier calls whose results hold a value.
SELECT given.ordinal::int, c.position, c.name
FROM unnest(%(values)s::text[]) WITH ORDINALITY AS given (value, ordinal)
CROSS JOIN LATERAL (
    SELECT position, name FROM call
    WHERE agent_id = %(agent)s AND kind = 'tool' AND state = 'done' AND position < %(position)s
        AND given.value <> '' AND strpos(outcome ->> 'content', given.value) > 0
    ORDER BY position LIMIT %(most)s
) AS c
ORDER BY given.ordinal, c.position

-- name: doubt
-- The agent's earlier calls with these arguments of which nobody knows whether they took effect, and whether a
-- person has said that such a call shall not be made again.
SELECT min(c.position) FILTER (WHERE c.state = 'unknown') AS first,
    count(*) FILTER (WHERE c.state = 'unknown') AS times,
    max(c.started_at) FILTER (WHERE c.state = 'unknown') AS begun_at,
    coalesce(bool_or(p.id IS NOT NULL), false) AS denied
FROM call AS c
LEFT JOIN approval AS p ON p.agent_id = c.agent_id AND p.position = c.position AND p.state = 'denied'
WHERE c.agent_id = %(agent)s AND c.kind = 'tool' AND c.position < %(position)s
    AND c.request ->> 'name' = %(name)s AND c.request ->> 'arguments' = %(arguments)s
