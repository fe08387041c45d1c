-- name: neighbourhood
-- One exchange for the graph around what the index found: one hop along the strongest edges of the nearest
-- episodes, upward to the insights that rest on either, and the rows of all of them. Every step has a bound.
WITH scope AS MATERIALIZED (SELECT %(scopes)s::text[] AS readable),
found AS (
    SELECT e.id, hit.similarity
    FROM unnest(%(episodes)s::uuid[], %(similarities)s::float8[]) AS hit (id, similarity)
    JOIN episode AS e ON e.id = hit.id
    WHERE e.scope = ANY((SELECT readable FROM scope)::text[])
),
seed AS (
    SELECT id, similarity FROM found
    WHERE similarity >= %(least)s ORDER BY similarity DESC, id LIMIT %(seeds)s
),
hop AS (
    SELECT edge.id, max(seed.similarity * edge.weight) AS similarity
    FROM seed CROSS JOIN LATERAL (
        SELECT either.id, max(either.weight) AS weight FROM (
            (SELECT dst AS id, weight FROM episode_edge WHERE src = seed.id ORDER BY weight DESC LIMIT %(fanout)s)
            UNION ALL
            (SELECT src AS id, weight FROM episode_edge WHERE dst = seed.id ORDER BY weight DESC LIMIT %(fanout)s)
        ) AS either
        GROUP BY either.id ORDER BY weight DESC, either.id LIMIT %(fanout)s
    ) AS edge
    WHERE edge.id NOT IN (SELECT id FROM found)
    GROUP BY edge.id
),
near AS (
    SELECT id, similarity FROM seed
    UNION ALL
    SELECT id, similarity FROM hop WHERE similarity >= %(least)s
),
upward AS (
    SELECT rest.insight_id AS id, sum(rest.polarity * near.similarity) AS strength,
        max(near.similarity) FILTER (WHERE rest.polarity = 1) AS similarity
    FROM near CROSS JOIN LATERAL (
        SELECT s.insight_id, s.polarity FROM insight_support AS s WHERE s.episode_id = near.id LIMIT %(fanout)s
    ) AS rest
    GROUP BY rest.insight_id ORDER BY strength DESC, rest.insight_id LIMIT %(most)s
)
SELECT 'episode' AS kind, coalesce(found.similarity, hop.similarity) AS similarity, found.id IS NULL AS hopped,
    0::float8 AS strength,
    jsonb_build_object(
        'id', e.id, 'task', e.task_id, 'scope', e.scope, 'goal', e.goal, 'outcome', e.outcome, 'origin', e.origin,
        'steps', e.steps, 'actions', e.actions, 'conclusion', e.conclusion, 'provenance', e.provenance,
        'state', e.state, 'reasons', e.reasons, 'reward', e.reward, 'procedure', e.procedure,
        'key_steps', e.key_steps, 'fail_reason', e.fail_reason, 'cluster', e.cluster_id, 'utility', e.utility
    ) AS record
FROM episode AS e
LEFT JOIN found ON found.id = e.id
LEFT JOIN hop ON hop.id = e.id
WHERE e.id IN (SELECT id FROM found UNION ALL SELECT id FROM near)
    AND e.scope = ANY((SELECT readable FROM scope)::text[]) AND e.state <> 'retired'
UNION ALL
SELECT 'insight', coalesce(hit.similarity, upward.similarity, 0), hit.id IS NULL, coalesce(upward.strength, 0),
    jsonb_build_object(
        'id', i.id, 'kind', i.kind, 'scope', i.scope, 'cluster', i.cluster_id, 'about', i.about, 'text', i.text,
        'pattern', i.pattern, 'supports', i.supports, 'contradictions', i.contradictions, 'alpha', i.alpha,
        'beta', i.beta, 'utility', i.utility, 'version', i.version, 'state', i.state, 'provenance', i.provenance,
        'origins', i.origins, 'trusted_origins', i.trusted_origins
    )
FROM insight AS i
LEFT JOIN unnest(%(insights)s::uuid[], %(insight_similarities)s::float8[]) AS hit (id, similarity) ON hit.id = i.id
LEFT JOIN upward ON upward.id = i.id
WHERE i.id IN (SELECT unnest(%(insights)s::uuid[]) UNION ALL SELECT id FROM upward)
    AND i.scope = ANY((SELECT readable FROM scope)::text[]) AND i.state <> 'retired'
