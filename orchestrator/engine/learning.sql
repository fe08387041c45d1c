-- name: begin
-- Counted before it is tried: one that ends its process has been tried too.
UPDATE task AS t
SET learning_attempts = t.learning_attempts + 1, learning_since = clock_timestamp()
FROM agent AS r
WHERE t.id = %(task)s AND t.status <> 'running' AND t.learned_at IS NULL
    AND r.task_id = t.id AND r.parent_id IS NULL
RETURNING t.learning_attempts, t.goal, t.status, t.answer, r.provenance,
    r.granted -> 'capabilities' ->> 'memory_write' AS scope

-- name: mark_learned
UPDATE task SET learned_at = clock_timestamp() WHERE id = %(task)s AND learned_at IS NULL
