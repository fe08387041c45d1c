-- name: lead
SELECT pg_try_advisory_lock(7310595130266154856) AS leads

-- name: untold
SELECT tenant_id, task_id, seq, traceparent, ended_at, over FROM treehold.untold_tasks(%(most)s)

-- name: happenings
-- Events of a task, each with what its span needs beside: the step an agent was spawned for, and, where contents are
-- told, what a call that has ended was about.
SELECT e.seq, e.at, e.kind, e.agent_id, e.data, a.node_id, c.request, c.outcome
FROM event AS e
LEFT JOIN agent AS a ON e.kind = 'agent.spawned' AND a.id = e.agent_id
LEFT JOIN call AS c ON %(content)s
    AND e.kind IN ('model.finished', 'model.failed', 'tool.finished', 'tool.failed', 'tool.refused', 'recall.used')
    AND c.id = (e.data ->> 'call')::uuid
WHERE e.task_id = %(task)s AND e.seq > %(after)s
ORDER BY e.seq LIMIT %(limit)s

-- name: advance
UPDATE untold SET seq = %(seq)s WHERE task_id = %(task)s AND seq = %(after)s

-- name: forget
DELETE FROM untold WHERE task_id = %(task)s
