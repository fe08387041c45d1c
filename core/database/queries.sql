-- name: set_tenant
SELECT set_config('treehold.tenant', %(tenant)s, true)

-- name: insert_outbox
INSERT INTO outbox (tenant_id, topic, subject_id)
SELECT %(tenant)s, topic, subject
FROM unnest(%(topics)s::text[], %(subjects)s::uuid[]) AS row (topic, subject)

-- name: insert_events
WITH numbered AS (
    UPDATE task SET event_seq = event_seq + %(count)s
    WHERE id = %(task)s
    RETURNING event_seq - %(count)s AS base
)
INSERT INTO event (tenant_id, task_id, seq, agent_id, kind, data, at)
SELECT %(tenant)s, %(task)s, base + position, agent, kind, data::jsonb, clock_timestamp()
FROM numbered,
    unnest(%(agents)s::uuid[], %(kinds)s::text[], %(data)s::text[])
        WITH ORDINALITY AS row (agent, kind, data, position)
