-- name: known
SELECT decision, reason_code FROM verdict WHERE tenant_id = %(tenant)s AND key = %(key)s

-- name: keep
INSERT INTO verdict (tenant_id, key, decision, reason_code)
VALUES (%(tenant)s, %(key)s, %(decision)s, %(reason_code)s)
ON CONFLICT DO NOTHING

-- name: history
-- The agent's calls of tools before a position, oldest first.
SELECT name, arguments FROM (
    SELECT position, request ->> 'name' AS name, request ->> 'arguments' AS arguments
    FROM call
    WHERE agent_id = %(agent)s AND kind = 'tool' AND position < %(position)s
    ORDER BY position DESC LIMIT %(most)s
) AS latest
ORDER BY position
