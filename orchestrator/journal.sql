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
UPDATE call SET reserved = %(reserved)s, attempts = attempts + 1
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: conclude
UPDATE call
SET state = %(state)s, outcome = %(outcome)s, usage = %(usage)s, reserved = '{}', finished_at = clock_timestamp()
WHERE agent_id = %(agent)s AND position = %(position)s AND state = 'intent'

-- name: reserve
UPDATE budget SET reserved = reserved + %(amount)s
WHERE agent_id = %(agent)s AND unit = %(unit)s
    AND (granted IS NULL OR reserved + delegated + spent + %(amount)s <= granted)

-- name: settle
-- What was really used, even where it passes the estimate: the grant then shows itself spent.
UPDATE budget
SET reserved = reserved - %(reserved)s,
    spent = spent + least(%(used)s, coalesce(granted - delegated - spent - (reserved - %(reserved)s), %(used)s))
WHERE agent_id = %(agent)s AND unit = %(unit)s

-- name: grant
INSERT INTO budget (tenant_id, agent_id, unit, granted)
VALUES (%(tenant)s, %(agent)s, %(unit)s, %(granted)s)

-- name: delegate
-- A child without a limit does not fit under a parent that has one.
UPDATE budget SET delegated = delegated + coalesce(%(amount)s::bigint, 0)
WHERE agent_id = %(agent)s AND unit = %(unit)s
    AND (granted IS NULL OR reserved + delegated + spent + %(amount)s::bigint <= granted)

-- name: give_back
-- A closed child returns what it did not spend.
UPDATE budget AS parent
SET delegated = parent.delegated - coalesce(child.granted, 0),
    spent = parent.spent + child.spent
FROM budget AS child
WHERE child.agent_id = %(child)s AND parent.agent_id = %(parent)s AND parent.unit = child.unit

-- name: remaining
SELECT unit, granted - reserved - delegated - spent AS remaining FROM budget WHERE agent_id = %(agent)s
