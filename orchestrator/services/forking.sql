-- name: source
SELECT t.goal, t.workspace, t.granted, t.event_seq, r.id AS root, r.brief, r.granted -> 'capabilities' AS capabilities
FROM task AS t JOIN agent AS r ON r.task_id = t.id AND r.parent_id IS NULL
WHERE t.id = %(task)s

-- name: insert_task
-- A fork teaches nothing: what it repeats is in memory already, and is not evidence a second time.
INSERT INTO task (
    id, tenant_id, goal, workspace, output_schema, model, granted, tags, forked_from, forked_at, learned_at,
    traceparent, replay
)
SELECT %(id)s, t.tenant_id, t.goal, t.workspace, t.output_schema, %(model)s, %(granted)s,
    coalesce(%(tags)s, t.tags), t.id, %(event)s, clock_timestamp(), %(traceparent)s, %(replay)s
FROM task AS t WHERE t.id = %(source)s
