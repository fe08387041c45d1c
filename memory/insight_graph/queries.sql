-- name: insert_episode
INSERT INTO episode
    (tenant_id, id, task_id, scope, goal, outcome, actions, steps, conclusion, provenance, origin, state, reasons)
SELECT %(tenant)s, r.id, r.task, r.scope, r.goal, r.outcome, r.actions, r.steps, r.conclusion, r.provenance,
    r.origin, r.state, r.reasons
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, task uuid, scope text, goal text, outcome text, actions jsonb, steps jsonb, conclusion text,
    provenance jsonb, origin text, state text, reasons text[]
)
ON CONFLICT (tenant_id, task_id) DO NOTHING

-- name: episode_of_task
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons
FROM episode
WHERE task_id = %(task)s

-- name: episodes
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons
FROM episode
WHERE id = ANY(%(ids)s) AND scope = ANY(%(scopes)s)

-- name: episodes_after
SELECT id, task_id AS task, scope, goal, outcome, origin, steps, actions, conclusion, provenance, state, reasons
FROM episode
WHERE id > %(after)s
ORDER BY id
LIMIT %(most)s

-- name: insert_edges
INSERT INTO episode_edge (tenant_id, src, dst, kind, weight)
SELECT %(tenant)s, %(src)s, dst, 'similar', weight
FROM unnest(%(ids)s::uuid[], %(weights)s::float8[]) AS row (dst, weight)
ON CONFLICT DO NOTHING

-- name: edges_of
SELECT dst, weight FROM episode_edge WHERE src = %(src)s AND kind = 'similar' ORDER BY weight DESC, dst

-- name: insights_supported_by
SELECT i.id, i.kind, i.scope, i.about, i.text, i.pattern, i.supports, i.contradictions, i.alpha, i.beta,
    i.version, i.state, i.provenance
FROM insight AS i
WHERE i.state IN ('candidate', 'active') AND i.scope = %(scope)s AND EXISTS (
    SELECT FROM insight_support AS s WHERE s.insight_id = i.id AND s.episode_id = ANY(%(episodes)s)
)
ORDER BY i.id
LIMIT %(most)s
FOR UPDATE

-- name: lock_insight
SELECT id, kind, scope, about, text, pattern, supports, contradictions, alpha, beta, version, state, provenance
FROM insight
WHERE id = %(insight)s
FOR UPDATE

-- name: insights_of_episode
SELECT i.id, i.kind, i.scope, i.about, i.text, i.pattern, i.supports, i.contradictions, i.alpha, i.beta,
    i.version, i.state, i.provenance
FROM insight AS i
WHERE i.id IN (SELECT s.insight_id FROM insight_support AS s WHERE s.episode_id = %(episode)s)
ORDER BY i.id

-- name: insights
SELECT i.id, i.kind, i.scope, i.about, i.text, i.pattern, i.supports, i.contradictions, i.alpha, i.beta,
    i.version, i.state, i.provenance,
    ARRAY(
        SELECT DISTINCT e.origin FROM insight_support AS s JOIN episode AS e ON e.id = s.episode_id
        WHERE s.insight_id = i.id AND s.polarity = 1
        ORDER BY e.origin LIMIT 32
    ) AS origins
FROM insight AS i
WHERE i.id = ANY(%(ids)s) AND i.scope = ANY(%(scopes)s)

-- name: insights_after
SELECT i.id, i.kind, i.scope, i.about, i.text, i.pattern, i.supports, i.contradictions, i.alpha, i.beta,
    i.version, i.state, i.provenance
FROM insight AS i
WHERE i.id > %(after)s
ORDER BY i.id
LIMIT %(most)s

-- name: insert_insight
INSERT INTO insight (tenant_id, id, kind, scope, about, text, pattern, version, state, provenance)
SELECT %(tenant)s, r.id, r.kind, r.scope, r.about, r.text, r.pattern, r.version, r.state, r.provenance
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, kind text, scope text, about text, text text, pattern jsonb, version integer, state text,
    provenance jsonb
)
ON CONFLICT DO NOTHING

-- name: insert_supports
INSERT INTO insight_support (tenant_id, insight_id, episode_id, polarity)
SELECT %(tenant)s, %(insight)s, episode, %(polarity)s
FROM unnest(%(episodes)s::uuid[]) AS row (episode)
ON CONFLICT DO NOTHING

-- name: count_supports
SELECT count(*) FILTER (WHERE s.polarity = 1) AS supports,
    count(*) FILTER (WHERE s.polarity = -1) AS contradictions,
    count(DISTINCT e.origin) FILTER (WHERE s.polarity = 1) AS origins
FROM insight_support AS s
JOIN episode AS e ON e.id = s.episode_id
WHERE s.insight_id = %(insight)s

-- name: update_insight
UPDATE insight AS i
SET text = r.text, supports = r.supports, contradictions = r.contradictions, alpha = r.alpha, beta = r.beta,
    version = r.version, state = r.state, provenance = r.provenance, updated_at = clock_timestamp()
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, text text, supports integer, contradictions integer, alpha float8, beta float8, version integer,
    state text, provenance jsonb
)
WHERE i.tenant_id = %(tenant)s AND i.id = r.id

-- name: insert_exposures
INSERT INTO exposure (tenant_id, task_id, agent_id, record_id, kind, version, position, decision, reason)
SELECT %(tenant)s, %(task)s, %(agent)s, r.record, r.kind, r.version, r.position, r.decision, r.reason
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    record uuid, kind text, version integer, position integer, decision text, reason text
)
ON CONFLICT DO NOTHING
