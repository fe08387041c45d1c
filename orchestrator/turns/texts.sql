-- name: held
-- Whether one of the agent's tool results has a text among its data, as a whole string.
SELECT EXISTS (
    SELECT FROM call
    WHERE agent_id = %(agent)s AND kind = 'tool' AND state = 'done'
        AND jsonb_path_exists(
            outcome -> 'data', 'strict $.** ? (@.type() == "string" && @ == $text)',
            jsonb_build_object('text', %(text)s::text), true
        )
) AS held

-- name: content
SELECT content FROM artifact WHERE id = %(artifact)s AND task_id = %(task)s
