-- name: insert
WITH said AS (
    INSERT INTO utterance (tenant_id, episode_id, seq, agent_id, role, kind, content, content_hash)
    SELECT %(tenant)s, %(episode)s, r.seq, r.agent, r.role, r.kind, r.content, sha256(convert_to(r.content, 'UTF8'))
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
        seq integer, agent uuid, role text, kind text, content text
    )
    ON CONFLICT DO NOTHING
)
INSERT INTO utterance_edge (tenant_id, episode_id, src, dst)
SELECT %(tenant)s, %(episode)s, edge.src, edge.dst
FROM unnest(%(srcs)s::integer[], %(dsts)s::integer[]) AS edge (src, dst)
ON CONFLICT DO NOTHING

-- name: of_episode
SELECT u.agent_id AS agent, u.role, u.kind, u.content,
    ARRAY(
        SELECT e.src FROM utterance_edge AS e
        WHERE e.episode_id = u.episode_id AND e.dst = u.seq ORDER BY e.src
    ) AS causes
FROM utterance AS u
WHERE u.episode_id = %(episode)s
ORDER BY u.seq
