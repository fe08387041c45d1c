-- name: lock_episodes
-- Before insights, as learning locks them.
SELECT e.id, e.goal, sha256(convert_to(to_jsonb(e)::text, 'UTF8')) AS digest
FROM episode AS e
WHERE (e.scope = ANY(%(scopes)s) OR '*' = ANY(%(scopes)s)) AND (
    e.id = ANY(%(episodes)s) OR e.task_id = %(task)s::uuid OR e.origin = ANY(%(origins)s)
    OR e.scope = %(private)s OR e.created_at < %(before)s::timestamptz
)
ORDER BY e.id
FOR UPDATE

-- name: lock_notes
SELECT n.id, sha256(convert_to(to_jsonb(n)::text, 'UTF8')) AS digest
FROM note AS n
WHERE (n.scope = ANY(%(scopes)s) OR '*' = ANY(%(scopes)s)) AND (
    n.id = ANY(%(notes)s) OR n.origin = ANY(%(origins)s)
    OR n.scope = %(private)s OR n.created_at < %(before)s::timestamptz
)
ORDER BY n.id
FOR UPDATE

-- name: lock_insights
-- Those that were asked for, and those that rest on what is lost: counted by it, written from it, or put in the
-- place of one that was. `written` says that the text was made of what is lost.
WITH RECURSIVE asked AS (
    SELECT i.id FROM insight AS i
    WHERE (i.scope = ANY(%(scopes)s) OR '*' = ANY(%(scopes)s)) AND (
        i.id = ANY(%(insights)s) OR i.scope = %(private)s OR i.provenance -> 'origins' @> %(imported)s::jsonb
        OR i.created_at < %(before)s::timestamptz AND NOT EXISTS (
            SELECT FROM insight_support AS s WHERE s.insight_id = i.id AND s.episode_id <> ALL(%(lost)s::uuid[])
        )
    )
),
written AS (
    SELECT id FROM asked
    UNION
    SELECT v.insight_id FROM insight_version AS v WHERE v.op <> 'found' AND v.episodes && %(lost)s::uuid[]
    UNION
    SELECT v.insight_id FROM written AS w JOIN insight_version AS v ON v.supersedes @> ARRAY[w.id]
)
SELECT i.id,
    sha256(convert_to(to_jsonb(i)::text, 'UTF8')) AS digest,
    EXISTS (SELECT FROM asked AS a WHERE a.id = i.id) AS asked,
    EXISTS (SELECT FROM written AS w WHERE w.id = i.id) AS written
FROM insight AS i
WHERE i.id IN (SELECT id FROM written)
    OR i.id IN (SELECT s.insight_id FROM insight_support AS s WHERE s.episode_id = ANY(%(lost)s::uuid[]))
ORDER BY i.id
FOR UPDATE OF i

-- name: left
-- What insights still rest on once the episodes are lost.
SELECT i.id,
    count(*) FILTER (WHERE s.polarity = 1)::integer AS supports,
    count(*) FILTER (WHERE s.polarity = -1)::integer AS contradictions,
    coalesce(array_agg(DISTINCT e.origin) FILTER (WHERE s.polarity = 1), '{}') AS origins,
    coalesce(
        array_agg(DISTINCT e.origin)
        FILTER (WHERE s.polarity = 1 AND (e.provenance ->> 'trust')::integer > %(untrusted)s),
        '{}'
    ) AS trusted_origins,
    (array_agg(e.goal ORDER BY e.created_at, e.id) FILTER (WHERE s.polarity = 1))[1] AS goal
FROM unnest(%(insights)s::uuid[]) AS i (id)
LEFT JOIN (
    insight_support AS s JOIN episode AS e ON e.tenant_id = s.tenant_id AND e.id = s.episode_id
) ON s.insight_id = i.id AND s.episode_id <> ALL(%(lost)s::uuid[])
GROUP BY i.id

-- name: recompute
UPDATE insight AS i
SET supports = r.supports, contradictions = r.contradictions, about = r.about, text = r.text, state = r.state,
    origins = r.origins, trusted_origins = r.trusted_origins, updated_at = clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    id uuid, supports integer, contradictions integer, about text, text text, state text, origins text[],
    trusted_origins text[]
)
WHERE i.id = r.id

-- name: shrink_clusters
-- Kinds of work lose their parts of what is lost: its vector, where Postgres has it, and its count.
UPDATE episode_cluster AS c
SET size = c.size - lost.episodes, total = CASE WHEN lost.total IS NULL THEN c.total ELSE c.total - lost.total END
FROM (
    SELECT e.cluster_id, count(*)::integer AS episodes, sum(p.vector) AS total
    FROM episode AS e
    JOIN episode_cluster AS k ON k.id = e.cluster_id
    LEFT JOIN LATERAL (
        SELECT v.vector FROM vector_point AS v
        WHERE v.collection = 'episode' AND v.id = e.id AND starts_with(v.generation, k.embedder || '#')
        LIMIT 1
    ) AS p ON true
    WHERE e.id = ANY(%(lost)s)
    GROUP BY e.cluster_id
) AS lost
WHERE c.id = lost.cluster_id

-- name: drop_empty_clusters
DELETE FROM episode_cluster WHERE size <= 0

-- name: count_utterances
SELECT count(*) AS rows FROM utterance WHERE episode_id = ANY(%(lost)s)

-- name: shown_to
SELECT DISTINCT task_id FROM exposure
WHERE record_id = ANY(%(records)s) AND decision = 'used' ORDER BY task_id

-- name: delete_learning
-- What a model was asked about the lost, and said; and what it was asked later with the lost before its eyes.
-- One that is under way comes to nothing: its outcome finds no row.
DELETE FROM learning_call AS l
WHERE l.task_id IN (SELECT e.task_id FROM episode AS e WHERE e.id = ANY(%(lost)s))
    OR l.subject_id = ANY(%(lost)s)
    OR l.subject_id IN (SELECT e.cluster_id FROM episode AS e WHERE e.id = ANY(%(lost)s))

-- name: delete_feedback
DELETE FROM feedback
WHERE key_id = %(key)s::uuid OR task_id IN (SELECT e.task_id FROM episode AS e WHERE e.id = ANY(%(lost)s))

-- name: delete_episodes
DELETE FROM episode WHERE id = ANY(%(lost)s)

-- name: delete_insights
DELETE FROM insight WHERE id = ANY(%(ids)s)

-- name: delete_notes
DELETE FROM note WHERE id = ANY(%(ids)s)

-- name: insert_receipt
INSERT INTO forgotten (tenant_id, id, wanted, by_key, counts, shown_to)
VALUES (%(tenant)s, %(id)s, %(wanted)s, %(by)s, %(counts)s, %(shown_to)s)

-- name: insert_records
INSERT INTO forgotten_record (tenant_id, receipt_id, id, kind, because, fate, digest)
SELECT %(tenant)s, %(receipt)s, r.id, r.kind, r.because, r.fate, decode(r.digest, 'hex')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id uuid, kind text, because text, fate text, digest text)

-- name: task_state
SELECT status, learned_at IS NOT NULL AS learned FROM task WHERE id = %(task)s

-- name: receipt
SELECT id, at, by_key, wanted, counts, shown_to FROM forgotten WHERE id = %(receipt)s

-- name: records
SELECT kind, id, because, fate, encode(digest, 'hex') AS digest FROM forgotten_record
WHERE receipt_id = %(receipt)s
ORDER BY because, kind, id

-- name: remains
-- Rows and lineage of the deleted records of a receipt. A row with such an id can only have been put back by hand.
WITH gone AS (
    SELECT id, kind FROM forgotten_record WHERE receipt_id = %(receipt)s AND fate = 'deleted'
)
SELECT g.kind, g.id, 'rows' AS "where" FROM gone AS g
WHERE EXISTS (SELECT FROM episode AS e WHERE e.id = g.id)
    OR EXISTS (SELECT FROM insight AS i WHERE i.id = g.id)
    OR EXISTS (SELECT FROM note AS n WHERE n.id = g.id)
UNION ALL
SELECT g.kind, g.id, 'lineage' FROM gone AS g
WHERE EXISTS (SELECT FROM utterance AS u WHERE u.episode_id = g.id)
    OR EXISTS (SELECT FROM insight_support AS s WHERE s.episode_id = g.id OR s.insight_id = g.id)
    OR EXISTS (SELECT FROM insight_version AS v WHERE v.insight_id = g.id)
    OR g.id IN (SELECT l.subject_id FROM learning_call AS l)
    OR g.id IN (SELECT unnest(v.supersedes) FROM insight_version AS v)
    OR g.id IN (SELECT unnest(v.episodes) FROM insight_version AS v WHERE v.op <> 'found')
ORDER BY 1, 2

-- name: expired
SELECT tenant_id, kind, id FROM expired_memory(%(days)s, %(most)s)
