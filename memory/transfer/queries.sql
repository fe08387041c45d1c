-- name: patterns
-- What an insight's line says beside what its record does.
SELECT i.id, i.pattern,
    ARRAY(
        SELECT s.episode_id FROM insight_support AS s WHERE s.insight_id = i.id AND s.polarity = 1 ORDER BY 1
    ) AS supports,
    ARRAY(
        SELECT s.episode_id FROM insight_support AS s WHERE s.insight_id = i.id AND s.polarity = -1 ORDER BY 1
    ) AS contradicts
FROM insight AS i WHERE i.id = ANY(%(ids)s)

-- name: insert_episode
INSERT INTO episode (
    tenant_id, id, task_id, scope, goal, outcome, actions, steps, conclusion, key_steps, fail_reason, provenance,
    origin, state, reasons, procedure
)
SELECT %(tenant)s, r.id, r.task, r.scope, r.goal, r.outcome, r.actions, r.steps, r.conclusion, r.key_steps,
    r.fail_reason, r.provenance, r.origin, r.state, r.reasons, r.procedure
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, task uuid, scope text, goal text, outcome text, actions jsonb, steps jsonb, conclusion text,
    key_steps jsonb, fail_reason text, provenance jsonb, origin text, state text, reasons text[], procedure text[]
)
ON CONFLICT DO NOTHING

-- name: insert_insight
INSERT INTO insight (tenant_id, id, kind, scope, about, text, pattern, version, state, provenance)
SELECT %(tenant)s, r.id, r.form, r.scope, r.about, r.text, nullif(r.pattern, 'null'), 1, r.state, r.provenance
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, form text, scope text, about text, text text, pattern jsonb, state text, provenance jsonb
)
ON CONFLICT DO NOTHING

-- name: insert_version
INSERT INTO insight_version (tenant_id, insight_id, version, op, text)
SELECT tenant_id, id, 1, CASE kind WHEN 'procedure' THEN 'found' ELSE 'add' END, text
FROM insight WHERE id = %(insight)s
ON CONFLICT DO NOTHING

-- name: insert_supports
-- Those of the episodes that are here, and in the insight's scope.
INSERT INTO insight_support (tenant_id, insight_id, episode_id, polarity)
SELECT %(tenant)s, i.id, e.id, CASE WHEN e.id = ANY(%(supports)s) THEN 1 ELSE -1 END
FROM insight AS i JOIN episode AS e ON e.scope = i.scope AND e.id = ANY(%(supports)s::uuid[] || %(contradicts)s::uuid[])
WHERE i.id = %(insight)s
ON CONFLICT DO NOTHING

-- name: count_supports
UPDATE insight AS i
SET supports = s.supports, contradictions = s.contradictions, origins = s.origins
FROM (
    SELECT count(*) FILTER (WHERE r.polarity = 1) AS supports,
        count(*) FILTER (WHERE r.polarity = -1) AS contradictions,
        coalesce(array_agg(DISTINCT e.origin) FILTER (WHERE r.polarity = 1), '{}') AS origins
    FROM insight_support AS r JOIN episode AS e ON e.id = r.episode_id
    WHERE r.insight_id = %(insight)s
) AS s
WHERE i.id = %(insight)s
RETURNING i.supports, i.contradictions, i.pattern

-- name: describe
UPDATE insight SET text = %(text)s WHERE id = %(insight)s

-- name: was_forgotten
SELECT EXISTS (SELECT FROM forgotten_record WHERE id = %(id)s AND fate = 'deleted') AS forgotten

-- name: episode_here
SELECT id FROM episode WHERE id = %(id)s

-- name: insight_here
SELECT id FROM insight WHERE id = %(id)s
