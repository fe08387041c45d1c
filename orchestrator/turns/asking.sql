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
