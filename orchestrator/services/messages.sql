-- name: node
-- By id or by key; a retired node has its id still, and its key while no other has it.
SELECT id, key, retired_rev IS NOT NULL AS retired FROM tree_node
WHERE task_id = %(task)s AND (id::text = %(node)s OR key = %(node)s)
ORDER BY retired_rev IS NOT NULL, created_rev DESC LIMIT 1

-- name: address
SELECT lead, woken FROM address_message(%(task)s, %(node)s)

-- name: next_number
UPDATE task SET messages = messages + 1 WHERE id = %(task)s AND status = 'running' RETURNING messages

-- name: insert
INSERT INTO message (id, tenant_id, task_id, number, kind, node_id, node_key, text, key_id, agent_id)
VALUES (
    %(id)s, %(tenant)s, %(task)s, %(number)s, %(kind)s, %(node)s, %(key)s, %(text)s, %(principal)s, %(lead)s
)

-- name: of_task
SELECT * FROM message
WHERE task_id = %(task)s AND (%(message)s::uuid IS NULL OR id = %(message)s)
ORDER BY number

-- name: refuse_open
-- A task that is over takes no more in.
UPDATE message
SET state = 'refused', concluded_at = clock_timestamp(), refusal = %(refusal)s
WHERE task_id = %(task)s AND state IN ('pending', 'taken')
RETURNING id, number, kind

-- name: task_status
SELECT status FROM task WHERE id = %(task)s
