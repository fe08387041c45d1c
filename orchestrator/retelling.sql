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

-- name: cited
-- The refs of what it was shown that the root's plan says it used.
SELECT c.outcome #> '{output,uses}' AS uses
FROM call AS c JOIN agent AS a ON a.id = c.agent_id
WHERE c.task_id = %(task)s AND a.parent_id IS NULL AND c.kind = 'model' AND c.name = 'plan' AND c.state = 'done'

-- name: exposed
-- What the root was shown, in the order of its refs.
SELECT record_id FROM exposure WHERE task_id = %(task)s AND decision = 'used' ORDER BY position, record_id
