-- name: recorded
SELECT state, request, outcome, model, usage, applied_at IS NOT NULL AS applied FROM learning_call
WHERE task_id = %(task)s AND kind = %(kind)s

-- name: begin
-- Holds what the call may use, where the task's learning has as much left.
INSERT INTO learning_call (tenant_id, task_id, kind, subject_id, request, held, allowed)
SELECT %(tenant)s, %(task)s, %(kind)s, %(subject)s, %(request)s::jsonb, %(held)s, rest.tokens
FROM (
    SELECT %(granted)s - coalesce(sum(CASE WHEN c.state = 'intent' THEN c.held ELSE c.spent END), 0) AS tokens
    FROM learning_call AS c WHERE c.task_id = %(task)s
) AS rest
WHERE rest.tokens >= %(held)s
ON CONFLICT DO NOTHING

-- name: again
-- A worker died with the call in flight: what that may have used stays held, and counts whole.
UPDATE learning_call SET attempts = attempts + 1, held = held + %(held)s
WHERE task_id = %(task)s AND kind = %(kind)s AND state = 'intent' AND held + %(held)s <= allowed

-- name: refuse
-- What is left does not cover the call, or not once more; what it may have used counts whole.
INSERT INTO learning_call (tenant_id, task_id, kind, subject_id, request, state, outcome, held, allowed)
VALUES (%(tenant)s, %(task)s, %(kind)s, %(subject)s, %(request)s::jsonb, 'failed', %(outcome)s::jsonb, 0, 0)
ON CONFLICT (tenant_id, task_id, kind) DO UPDATE
SET state = 'failed', outcome = excluded.outcome, spent = learning_call.held
WHERE learning_call.state = 'intent'

-- name: left
SELECT allowed - held AS tokens, held FROM learning_call WHERE task_id = %(task)s AND kind = %(kind)s

-- name: conclude
UPDATE learning_call
SET state = %(state)s, outcome = %(outcome)s::jsonb, model = %(model)s, spent = coalesce(%(spent)s, held),
    usage = %(usage)s::jsonb
WHERE task_id = %(task)s AND kind = %(kind)s AND state = 'intent'

-- name: applied
UPDATE learning_call SET applied_at = clock_timestamp()
WHERE task_id = %(task)s AND kind = %(kind)s AND applied_at IS NULL
