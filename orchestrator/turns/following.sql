-- name: counterparts
-- A step that was run again has several children under its key: the first is the first's counterpart, and so on.
SELECT mine.id AS agent, theirs.id AS source
FROM (
    SELECT id, key, turns, row_number() OVER (PARTITION BY key ORDER BY position) AS run
    FROM agent WHERE parent_id = %(parent)s
) AS mine
JOIN (
    SELECT id, key, row_number() OVER (PARTITION BY key ORDER BY position) AS run
    FROM agent WHERE parent_id = %(source)s
) AS theirs ON theirs.key = mine.key AND theirs.run = mine.run
WHERE mine.turns = 0
    AND follows(%(parent)s)

-- name: follow
-- What a request says of a grant is what its source's said; what may be spent is in the agent's account.
UPDATE agent AS a
SET source_id = s.id,
    granted = CASE
        WHEN EXISTS (
            SELECT FROM call AS c
            WHERE c.agent_id = s.id AND c.kind = 'model' AND c.concluded_seq <= t.forked_at
        ) THEN jsonb_set(
            a.granted, '{budget}',
            (a.granted -> 'budget') || ((s.granted -> 'budget') - '{model_calls,seconds}'::text[])
        )
        ELSE a.granted
    END
FROM unnest(%(agents)s::uuid[], %(sources)s::uuid[]) AS w (agent, source)
JOIN agent AS s ON s.id = w.source, task AS t
WHERE a.id = w.agent AND t.id = a.task_id
