-- name: material
-- An episode that was never condensed, with what is to be condensed of it.
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE task_id = %(task)s AND condensed_at IS NULL AND state IN ('candidate', 'active')

-- name: condense
UPDATE episode
SET key_steps = %(key_steps)s::jsonb, fail_reason = %(fail_reason)s, condensed_at = clock_timestamp()
WHERE id = %(episode)s AND condensed_at IS NULL AND state IN ('candidate', 'active')

-- name: claim
-- For one process at a time; a task that was begun before takes up its own lease again.
UPDATE episode_cluster AS c
SET refining_for = %(task)s, refining_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE c.id = (
    SELECT k.id FROM episode_cluster AS k
    WHERE k.id = %(cluster)s
        AND (k.refining_until IS NULL OR k.refining_until < clock_timestamp() OR k.refining_for = %(task)s)
    FOR UPDATE SKIP LOCKED
)
RETURNING c.scope

-- name: unrefined
-- The oldest episodes of a cluster that nothing was made of yet.
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE cluster_id = %(cluster)s AND refined_at IS NULL AND outcome <> 'cancelled'
    AND state IN ('candidate', 'active')
ORDER BY created_at, id
LIMIT %(most)s

-- name: contrast
-- The newest episodes of a cluster that ended otherwise than the new ones.
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE cluster_id = %(cluster)s AND refined_at IS NOT NULL AND outcome = %(outcome)s
    AND state IN ('candidate', 'active') AND (provenance ->> 'trust')::integer >= %(trust)s
ORDER BY created_at DESC, id
LIMIT %(most)s

-- name: advice
SELECT id, kind, scope, cluster_id AS cluster, about, text, pattern, supports, contradictions, alpha, beta, utility,
    version, state, provenance, origins, trusted_origins
FROM insight
WHERE cluster_id = %(cluster)s AND kind = 'advice' AND state IN ('candidate', 'active')
    AND (provenance ->> 'trust')::integer >= %(trust)s
ORDER BY alpha / (alpha + beta) DESC, id
LIMIT %(most)s

-- name: count_advice
SELECT count(*) AS advice FROM insight
WHERE cluster_id = %(cluster)s AND kind = 'advice' AND state IN ('candidate', 'active')

-- name: supersede
-- Their supports go over to the insight that takes their place; their own counts stay with them.
WITH old AS (
    UPDATE insight SET state = 'retired', retired_for = 'superseded', superseded_by = %(insight)s,
        updated_at = clock_timestamp()
    WHERE id = ANY(%(old)s::uuid[]) AND state IN ('candidate', 'active')
    RETURNING id
)
SELECT DISTINCT ON (s.episode_id) s.episode_id AS episode, s.polarity FROM insight_support AS s
WHERE s.insight_id IN (SELECT id FROM old)
ORDER BY s.episode_id, s.polarity
LIMIT %(most)s

-- name: refined
UPDATE episode SET refined_at = clock_timestamp() WHERE id = ANY(%(episodes)s::uuid[]) AND refined_at IS NULL

-- name: release
UPDATE episode_cluster SET refining_for = NULL, refining_until = NULL
WHERE id = %(cluster)s AND refining_for = %(task)s
