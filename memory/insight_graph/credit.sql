-- name: hold
-- What changes counts of a tenant's memory happens one after another, so that sums come out the same in any order
-- and nobody waits in a circle. Held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('memory:' || %(tenant)s::text, 0))

-- name: cite
UPDATE exposure SET cited = true WHERE task_id = %(task)s AND decision = 'used' AND record_id = ANY(%(records)s::uuid[])

-- name: verdict
-- What people made of a task; each has one say.
SELECT avg(score) AS score FROM feedback WHERE task_id = %(task)s

-- name: judge
INSERT INTO feedback (tenant_id, task_id, key_id, score, note)
VALUES (%(tenant)s, %(task)s, %(key)s, %(score)s, %(note)s)
ON CONFLICT (tenant_id, task_id, key_id) DO UPDATE
SET score = excluded.score, note = excluded.note, at = clock_timestamp()

-- name: learned_episode
SELECT id, scope FROM episode WHERE task_id = %(task)s

-- name: set_reward
UPDATE episode SET reward = %(reward)s WHERE id = %(episode)s

-- name: credit
-- A task counts once for each record it was shown or that was held out of it, however many of its agents were
-- shown it; a reward that changes moves the counts by the difference.
WITH told AS (
    SELECT record_id, kind, decision, bool_or(cited) AS cited, max(reward) AS old
    FROM exposure WHERE task_id = %(task)s AND decision IN ('used', 'withheld')
    GROUP BY record_id, kind, decision
),
rewarded AS (
    UPDATE exposure SET reward = %(reward)s
    WHERE task_id = %(task)s AND decision IN ('used', 'withheld')
),
shares AS (
    SELECT record_id, kind, decision, old IS NULL AS new,
        CASE WHEN cited THEN %(cited)s::float8 ELSE %(uncited)s::float8 END AS weight,
        coalesce(old, 0) AS old, coalesce(1 - old, 0) AS old_loss,
        (%(reward)s >= %(well)s)::integer - coalesce((old >= %(well)s)::integer, 0) AS well
    FROM told
),
episodes AS (
    UPDATE episode AS e
    SET shown = e.shown + s.new::integer,
        utility = e.utility + (%(reward)s - CASE WHEN s.new THEN e.utility ELSE s.old END)
            * greatest(1.0 / (e.shown + 1 + s.new::integer), %(rate)s)
    FROM shares AS s
    WHERE s.kind = 'episode' AND s.decision = 'used' AND e.id = s.record_id
)
UPDATE insight AS i
SET shown = i.shown + (s.new AND s.decision = 'used')::integer,
    shown_well = i.shown_well + CASE WHEN s.decision = 'used' THEN s.well ELSE 0 END,
    withheld = i.withheld + (s.new AND s.decision = 'withheld')::integer,
    withheld_well = i.withheld_well + CASE WHEN s.decision = 'withheld' THEN s.well ELSE 0 END,
    gains = i.gains + CASE WHEN s.decision = 'used' THEN s.weight * (%(reward)s - s.old) ELSE 0 END,
    losses = i.losses + CASE WHEN s.decision = 'used' THEN s.weight * (1 - %(reward)s - s.old_loss) ELSE 0 END,
    utility = CASE
        WHEN s.decision = 'used' THEN i.utility + (%(reward)s - CASE WHEN s.new THEN i.utility ELSE s.old END)
            * greatest(1.0 / (i.shown + 1 + s.new::integer), %(rate)s)
        ELSE i.utility
    END,
    updated_at = clock_timestamp()
FROM shares AS s
WHERE s.kind = 'insight' AND i.id = s.record_id
RETURNING i.id, i.state, i.shown, i.shown_well, i.withheld, i.withheld_well

-- name: retire
UPDATE insight SET state = 'retired', retired_for = %(why)s, updated_at = clock_timestamp()
WHERE id = %(insight)s AND state IN ('candidate', 'active')

-- name: connect
-- The new episode's edges from what its task was shown: episodes that helped it, while it counts as a success, and
-- episodes that rest on an insight it was shown too. Insights that one task brought together are joined.
WITH used AS (
    SELECT x.record_id AS id, x.kind, bool_or(x.cited) AS cited
    FROM exposure AS x WHERE x.task_id = %(task)s AND x.decision = 'used' GROUP BY x.record_id, x.kind
),
helped AS (
    INSERT INTO episode_edge (tenant_id, src, dst, kind, weight)
    SELECT %(tenant)s, e.id, %(episode)s, 'helped', CASE WHEN used.cited THEN 1.0 ELSE 0.5 END
    FROM used JOIN episode AS e ON e.id = used.id
    WHERE used.kind = 'episode' AND e.id <> %(episode)s AND %(well)s
    ON CONFLICT DO NOTHING
),
shared AS (
    INSERT INTO episode_edge (tenant_id, src, dst, kind, weight)
    SELECT DISTINCT ON (s.episode_id) %(tenant)s::uuid, %(episode)s::uuid, s.episode_id, 'shared_insight', 1.0
    FROM used
    CROSS JOIN LATERAL (
        SELECT s.episode_id FROM insight_support AS s
        WHERE s.insight_id = used.id AND s.polarity = 1 AND s.episode_id <> %(episode)s
        ORDER BY s.created_at DESC, s.episode_id LIMIT %(most)s
    ) AS s
    WHERE used.kind = 'insight'
    ON CONFLICT DO NOTHING
),
together AS (
    SELECT i.id FROM insight AS i
    WHERE i.id IN (SELECT id FROM used WHERE kind = 'insight') OR i.id = ANY(%(found)s::uuid[])
    ORDER BY i.id LIMIT %(most)s
)
INSERT INTO insight_edge (tenant_id, a, b, episode_id)
SELECT %(tenant)s, one.id, other.id, %(episode)s
FROM together AS one JOIN together AS other ON one.id < other.id
ON CONFLICT DO NOTHING

-- name: disconnect
DELETE FROM episode_edge WHERE dst = %(episode)s AND kind = 'helped'

-- name: counts
SELECT shown, shown_well, withheld, withheld_well FROM insight WHERE id = %(insight)s
