-- name: open_accounts
INSERT INTO budget (tenant_id, agent_id, unit, granted)
SELECT %(tenant)s, w.agent, w.unit, w.amount
FROM unnest(%(agents)s::uuid[], %(units)s::text[], %(amounts)s::bigint[]) AS w (agent, unit, amount)

-- name: reserve
UPDATE budget AS b SET reserved = b.reserved + w.amount
FROM unnest(%(units)s::text[], %(amounts)s::bigint[], %(keep)s::bigint[]) AS w (unit, amount, keep)
WHERE b.agent_id = %(agent)s AND b.unit = w.unit
    AND (b.granted IS NULL OR b.reserved + b.delegated + b.spent + w.amount + w.keep <= b.granted)
RETURNING b.unit

-- name: delegate
-- A child without a limit (NULL) does not fit under a parent that has one.
UPDATE budget AS b SET delegated = b.delegated + coalesce(w.amount, 0)
FROM unnest(%(units)s::text[], %(amounts)s::bigint[]) AS w (unit, amount)
WHERE b.agent_id = %(agent)s AND b.unit = w.unit
    AND (b.granted IS NULL OR b.reserved + b.delegated + b.spent + w.amount <= b.granted)
RETURNING b.unit

-- name: settle_ended
WITH settled AS MATERIALIZED (SELECT settle_ended(%(agents)s::uuid[]))
SELECT give_back(%(agents)s::uuid[]) FROM settled

-- name: account
-- For people: whose grant it is, and how it stands.
SELECT b.granted, b.granted - b.reserved - b.delegated - b.spent AS remaining,
    CASE WHEN a.title = a.role THEN 'the ' || a.role ELSE 'the ' || a.role || ' "' || a.title || '"' END AS holder
FROM budget AS b JOIN agent AS a ON a.id = b.agent_id
WHERE b.agent_id = %(agent)s AND b.unit = %(unit)s

-- name: of_task
SELECT a.id AS agent, a.parent_id AS parent, a.role, a.title, a.state, b.unit, b.granted, b.reserved, b.delegated, b.spent
FROM agent AS a JOIN budget AS b ON b.agent_id = a.id
WHERE a.task_id = %(task)s
ORDER BY a.depth, a.created_at, a.position, b.unit
