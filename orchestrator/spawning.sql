-- name: insert_agent
INSERT INTO agent (
    id, tenant_id, task_id, parent_id, position, key, depth, role, node_id, title, brief, return_schema,
    granted, provenance
)
VALUES (
    %(id)s, %(tenant)s, %(task)s, %(parent)s, %(position)s, %(key)s, %(depth)s, %(role)s, %(node)s, %(title)s,
    %(brief)s, %(return_schema)s, %(granted)s, %(provenance)s
)
