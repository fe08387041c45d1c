-- name: returns
SELECT id, position, key, node_id, state, returned, error, provenance
FROM agent
WHERE parent_id = %(agent)s AND state IN ('done', 'failed', 'cancelled')
ORDER BY position
