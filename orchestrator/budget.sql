-- name: grant
INSERT INTO budget (tenant_id, agent_id, unit, granted)
SELECT %(tenant)s, %(agent)s, w.unit, w.amount
FROM unnest(%(units)s::text[], %(amounts)s::bigint[]) AS w (unit, amount)

-- name: reserve
UPDATE budget AS b SET reserved = b.reserved + w.amount
FROM unnest(%(units)s::text[], %(amounts)s::bigint[]) AS w (unit, amount)
WHERE b.agent_id = %(agent)s AND b.unit = w.unit
    AND (b.granted IS NULL OR b.reserved + b.delegated + b.spent + w.amount <= b.granted)
RETURNING b.unit

-- name: settle
-- What was really used, even where it passes the estimate: the grant then shows itself spent.
UPDATE budget AS b
SET reserved = b.reserved - w.held,
    spent = b.spent + least(w.used, coalesce(b.granted - b.delegated - b.spent - (b.reserved - w.held), w.used))
FROM unnest(%(units)s::text[], %(held)s::bigint[], %(used)s::bigint[]) AS w (unit, held, used)
WHERE b.agent_id = %(agent)s AND b.unit = w.unit

-- name: delegate
-- A child without a limit does not fit under a parent that has one.
UPDATE budget AS b SET delegated = b.delegated + coalesce(w.amount, 0)
FROM unnest(%(units)s::text[], %(amounts)s::bigint[]) AS w (unit, amount)
WHERE b.agent_id = %(agent)s AND b.unit = w.unit
    AND (b.granted IS NULL OR b.reserved + b.delegated + b.spent + w.amount <= b.granted)
RETURNING b.unit

-- name: give_back
-- A closed child returns what it did not spend.
UPDATE budget AS parent
SET delegated = parent.delegated - coalesce(child.granted, 0),
    spent = parent.spent + child.spent
FROM budget AS child
WHERE child.agent_id = %(child)s AND parent.agent_id = %(parent)s AND parent.unit = child.unit

-- name: remaining
SELECT unit, granted - reserved - delegated - spent AS remaining FROM budget WHERE agent_id = %(agent)s

-- name: settle_ended
-- Whatever ended agents still held: usage that cannot be read counts in full.
WITH abandoned AS (
    UPDATE call
    SET state = 'unknown', finished_at = clock_timestamp(), reserved = '{}',
        usage = usage || jsonb_build_object('completion_tokens', coalesce((reserved ->> 'tokens')::bigint, 0))
    WHERE agent_id = ANY(%(agents)s) AND state = 'intent'
)
UPDATE budget SET spent = spent + reserved, reserved = 0 WHERE agent_id = ANY(%(agents)s) AND reserved > 0
