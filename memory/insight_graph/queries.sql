-- name: insert_episode
INSERT INTO episode
    (tenant_id, id, task_id, scope, goal, outcome, actions, steps, conclusion, provenance, origin, state, reasons,
    reward, procedure, cluster_id)
SELECT %(tenant)s, r.id, r.task, r.scope, r.goal, r.outcome, r.actions, r.steps, r.conclusion, r.provenance,
    r.origin, r.state, r.reasons, r.reward, r.procedure, r.cluster
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, task uuid, scope text, goal text, outcome text, actions jsonb, steps jsonb, conclusion text,
    provenance jsonb, origin text, state text, reasons text[], reward float8, procedure text[], cluster uuid
)
ON CONFLICT (tenant_id, task_id) DO NOTHING

-- name: was_forgotten
SELECT receipt_id FROM forgotten_record WHERE id = %(record)s AND fate = 'deleted' LIMIT 1

-- name: episode_of_task
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE task_id = %(task)s

-- name: episodes
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE id = ANY(%(ids)s::uuid[])

-- name: doing_the_same
-- The oldest episodes of a cluster that followed a procedure and ended so, the new one among them.
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons,
    reward, procedure, key_steps, fail_reason, cluster_id AS cluster, utility
FROM episode
WHERE cluster_id = %(cluster)s AND procedure = %(procedure)s::text[] AND outcome = %(outcome)s
    AND state IN ('candidate', 'active')
ORDER BY id
LIMIT %(most)s

-- name: insert_edges
INSERT INTO episode_edge (tenant_id, src, dst, kind, weight)
SELECT %(tenant)s, %(src)s, dst, 'similar', weight
FROM unnest(%(ids)s::uuid[], %(weights)s::float8[]) AS row (dst, weight)
WHERE EXISTS (SELECT FROM episode AS e WHERE e.id = dst)
ON CONFLICT DO NOTHING

-- name: edges_of
SELECT dst, weight FROM episode_edge WHERE src = %(src)s AND kind = 'similar' ORDER BY weight DESC, dst

-- name: insights_of_episode
SELECT insight_id FROM insight_support WHERE episode_id = %(episode)s ORDER BY insight_id

-- name: insight
SELECT id, kind, scope, cluster_id AS cluster, about, text, pattern, supports, contradictions, alpha, beta, utility,
    version, state, provenance, origins, trusted_origins
FROM insight
WHERE id = %(insight)s

-- name: insight_by_text
SELECT id, kind, scope, cluster_id AS cluster, about, text, pattern, supports, contradictions, alpha, beta, utility,
    version, state, provenance, origins, trusted_origins
FROM insight
WHERE cluster_id = %(cluster)s AND kind = 'advice' AND state IN ('candidate', 'active')
    AND lower(text) = lower(%(text)s)

-- name: insert_insight
INSERT INTO insight (tenant_id, id, kind, scope, cluster_id, about, text, pattern, version, state, provenance)
SELECT %(tenant)s, r.id, r.kind, r.scope, r.cluster, r.about, r.text, nullif(r.pattern, 'null'), r.version, r.state,
    r.provenance
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, kind text, scope text, cluster uuid, about text, text text, pattern jsonb, version integer, state text,
    provenance jsonb
)
ON CONFLICT DO NOTHING

-- name: insert_version
INSERT INTO insight_version (tenant_id, insight_id, version, op, text, supersedes, episodes, model)
VALUES (%(tenant)s, %(insight)s, %(version)s, %(op)s, %(text)s, %(supersedes)s, %(episodes)s, %(model)s)
ON CONFLICT DO NOTHING

-- name: insert_supports
INSERT INTO insight_support (tenant_id, insight_id, episode_id, polarity)
SELECT %(tenant)s, %(insight)s, episode, %(polarity)s
FROM unnest(%(episodes)s::uuid[]) AS row (episode)
ON CONFLICT DO NOTHING
RETURNING episode_id

-- name: update_insight
UPDATE insight AS i
SET text = r.text, supports = r.supports, contradictions = r.contradictions, state = r.state,
    provenance = r.provenance, origins = r.origins, trusted_origins = r.trusted_origins,
    updated_at = clock_timestamp()
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, text text, supports integer, contradictions integer, state text, provenance jsonb, origins text[],
    trusted_origins text[]
)
WHERE i.tenant_id = %(tenant)s AND i.id = r.id

-- name: insert_exposures
INSERT INTO exposure (tenant_id, task_id, agent_id, record_id, kind, version, position, decision, reason)
SELECT %(tenant)s, %(task)s, %(agent)s, r.record, r.kind, r.version, r.position, r.decision, r.reason
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    record uuid, kind text, version integer, position integer, decision text, reason text
)
ON CONFLICT DO NOTHING
