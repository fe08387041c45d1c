-- name: agents
SELECT id, parent_id AS parent, role, title, brief ->> 'question' AS question, state, returned, error ->> 'code' AS error
FROM agent
WHERE task_id = %(task)s
ORDER BY depth, position, id
LIMIT %(most)s

-- name: calls
-- The platform's own record of what was done: tools and what they were pointed at, never what they gave.
SELECT c.agent_id AS agent, c.name, c.effect, c.request -> 'arguments' AS arguments
FROM call AS c JOIN agent AS a ON a.id = c.agent_id
WHERE c.task_id = %(task)s AND c.kind = 'tool' AND c.state = 'done'
ORDER BY a.depth, a.position, c.position
LIMIT %(most)s

-- name: verdicts
SELECT count(*) FILTER (WHERE kind = 'gate.accepted') AS accepted,
    count(*) FILTER (WHERE kind = 'gate.refused') AS refused
FROM event WHERE task_id = %(task)s AND kind IN ('gate.accepted', 'gate.refused')

-- name: shown
-- What the task was shown: what it says or what was done then.
SELECT DISTINCT x.record_id AS id, x.kind, i.text,
    coalesce(e.procedure, ARRAY(SELECT jsonb_array_elements_text(i.pattern -> 'tools')), '{}') AS procedure
FROM exposure AS x
LEFT JOIN episode AS e ON x.kind = 'episode' AND e.id = x.record_id
LEFT JOIN insight AS i ON x.kind = 'insight' AND i.id = x.record_id
WHERE x.task_id = %(task)s AND x.decision = 'used'
