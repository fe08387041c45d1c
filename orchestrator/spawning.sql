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
