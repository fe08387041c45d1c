-- name: insert
INSERT INTO artifact (
    id, tenant_id, task_id, agent_id, name, media_type, size, sha256, content, provenance
)
VALUES (
    %(id)s, %(tenant)s, %(task)s, %(agent)s, %(name)s, %(media_type)s, %(size)s, %(sha256)s, %(content)s,
    %(provenance)s
)
ON CONFLICT (id) DO NOTHING
