-- name: episodes
SELECT id, goal, scope, origin, outcome FROM episode
WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('candidate', 'active')

-- name: episodes_after
SELECT id, goal, scope, origin, outcome FROM episode
WHERE id > %(after)s AND state IN ('candidate', 'active') ORDER BY id LIMIT %(most)s

-- name: insights
SELECT id, about, text, scope, kind FROM insight
WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('candidate', 'active')

-- name: insights_after
SELECT id, about, text, scope, kind FROM insight
WHERE id > %(after)s AND state IN ('candidate', 'active') ORDER BY id LIMIT %(most)s
