-- name: rests_on
(
    SELECT 'episode' AS kind, s.episode_id AS id,
        CASE s.polarity WHEN 1 THEN 'supports' ELSE 'contradicts' END AS relation
    FROM insight_support AS s WHERE s.insight_id = %(record)s
    ORDER BY s.created_at DESC, s.episode_id LIMIT %(most)s
)
UNION ALL
(
    SELECT DISTINCT 'episode', e.episode, 'written_from'
    FROM insight_version AS v CROSS JOIN unnest(v.episodes) AS e (episode)
    WHERE v.insight_id = %(record)s AND v.op <> 'found'
    ORDER BY e.episode LIMIT %(most)s
)
UNION ALL
(
    SELECT DISTINCT 'insight', o.older, 'superseded'
    FROM insight_version AS v CROSS JOIN unnest(v.supersedes) AS o (older)
    WHERE v.insight_id = %(record)s
    ORDER BY o.older LIMIT %(most)s
)
UNION ALL
(
    SELECT 'episode', e.src, 'helped' FROM episode_edge AS e
    WHERE e.dst = %(record)s AND e.kind = 'helped'
    ORDER BY e.created_at DESC, e.src LIMIT %(most)s
)

-- name: bears
(
    SELECT 'insight' AS kind, s.insight_id AS id,
        CASE s.polarity WHEN 1 THEN 'supports' ELSE 'contradicts' END AS relation
    FROM insight_support AS s WHERE s.episode_id = %(record)s
    ORDER BY s.created_at DESC, s.insight_id LIMIT %(most)s
)
UNION ALL
(
    SELECT DISTINCT 'insight', v.insight_id, 'superseded' FROM insight_version AS v
    WHERE v.supersedes @> ARRAY[%(record)s::uuid]
    ORDER BY v.insight_id LIMIT %(most)s
)
UNION ALL
(
    SELECT 'episode', e.dst, 'helped' FROM episode_edge AS e
    WHERE e.src = %(record)s AND e.kind = 'helped'
    ORDER BY e.created_at DESC, e.dst LIMIT %(most)s
)

-- name: versions
SELECT version, op, model, at FROM insight_version WHERE insight_id = %(record)s
ORDER BY version DESC LIMIT %(most)s

-- name: shown_to
SELECT task_id AS task, agent_id AS agent, decision, version, at FROM exposure WHERE record_id = %(record)s
ORDER BY at DESC, agent_id LIMIT %(most)s
