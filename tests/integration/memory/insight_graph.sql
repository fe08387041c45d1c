-- name: edges
SELECT src, dst, kind, weight FROM episode_edge ORDER BY kind, src, dst

-- name: together
SELECT count(*) AS rows FROM insight_edge

-- name: seed_insight
INSERT INTO insight (tenant_id, id, kind, about, text, state, provenance, origins, trusted_origins)
VALUES (%(tenant)s, %(id)s, 'advice', %(about)s, %(text)s, 'active',
    jsonb_build_object('tenant', %(tenant)s::text, 'trust', 1), '{ann,bob}', '{ann,bob}')

-- name: counters
SELECT supports, contradictions, alpha, beta, utility, shown, shown_well, withheld, withheld_well, state, retired_for
FROM insight WHERE id = %(id)s

-- name: all_counters
SELECT i.kind, i.supports, i.contradictions, i.alpha, i.beta, round(i.utility::numeric, 9) AS utility, i.shown,
    i.shown_well, i.withheld, i.withheld_well, i.state, i.origins
FROM insight AS i ORDER BY i.kind, i.text

-- name: utilities
SELECT shown, round(utility::numeric, 9) AS utility FROM episode ORDER BY goal, utility

-- name: clusters
SELECT count(*) AS rows, sum(size)::integer AS members, count(refining_for) AS leased FROM episode_cluster

-- name: utterances
SELECT u.kind, u.content FROM utterance AS u ORDER BY u.seq

-- name: versions
SELECT i.text, i.state, i.retired_for, v.version, v.op, cardinality(v.supersedes) AS supersedes
FROM insight_version AS v JOIN insight AS i ON i.id = v.insight_id AND i.kind = 'advice'
ORDER BY v.version, i.text

-- name: unrefined
SELECT count(*) AS rows FROM episode WHERE refined_at IS NULL
