-- name: insert_agents
INSERT INTO agent (
    id, tenant_id, task_id, parent_id, position, key, depth, role, node_id, title, brief, return_schema,
    granted, provenance
)
SELECT r.id, %(tenant)s, r.task, r.parent, r.position, r.key, r.depth, r.role, r.node, r.title, r.brief,
    nullif(r.return_schema, 'null'), r.granted, r.provenance
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    id uuid, task uuid, parent uuid, position integer, key text, depth integer, role text, node uuid, title text,
    brief jsonb, return_schema jsonb, granted jsonb, provenance jsonb
)

-- name: above
-- The briefs of an agent and of all above it.
WITH RECURSIVE above AS (
    SELECT a.parent_id, a.brief FROM agent AS a WHERE a.id = %(agent)s
    UNION ALL
    SELECT a.parent_id, a.brief FROM agent AS a JOIN above ON a.id = above.parent_id
)
SELECT brief FROM above
