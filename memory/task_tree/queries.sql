-- name: open_tree
INSERT INTO tree (tenant_id, task_id)
SELECT %(tenant)s, id FROM task WHERE id = %(task)s
ON CONFLICT DO NOTHING

-- name: lock_tree
SELECT head, now() AS at FROM tree WHERE task_id = %(task)s FOR UPDATE

-- name: read_head
SELECT head FROM tree WHERE task_id = %(task)s

-- name: find_change
SELECT first_rev, last_rev FROM tree_change WHERE task_id = %(task)s AND change_id = %(change)s

-- name: claim_change
INSERT INTO tree_change (tenant_id, task_id, change_id, first_rev, last_rev)
VALUES (%(tenant)s, %(task)s, %(change)s, %(head)s + 1, %(head)s)
ON CONFLICT DO NOTHING

-- name: release_change
DELETE FROM tree_change WHERE task_id = %(task)s AND change_id = %(change)s

-- name: active_nodes
SELECT n.id, n.key, n.title, n.status, n.value, n.provenance, n.parent_id AS parent, n.agent_id AS agent,
    n.created_rev, n.retired_rev,
    ARRAY(
        SELECT e.dst FROM tree_edge AS e
        WHERE e.tenant_id = n.tenant_id AND e.src = n.id AND e.kind = 'depends_on' AND e.retired_rev IS NULL
        ORDER BY e.position
    ) AS depends_on,
    (
        SELECT e.dst FROM tree_edge AS e
        WHERE e.tenant_id = n.tenant_id AND e.src = n.id AND e.kind = 'shares' AND e.retired_rev IS NULL
    ) AS shares
FROM tree_node AS n
WHERE n.task_id = %(task)s AND n.retired_rev IS NULL
ORDER BY n.created_rev

-- name: revisions_between
SELECT task_id AS task, rev, op, before, after, caused_by, restores, actor, change_id, at
FROM tree_revision
WHERE task_id = %(task)s AND rev BETWEEN %(first)s AND %(last)s
ORDER BY rev

-- name: revisions_of_nodes
SELECT task_id AS task, rev, op, before, after, caused_by, restores, actor, change_id, at
FROM tree_revision
WHERE task_id = %(task)s AND node_id = ANY(%(nodes)s)
ORDER BY rev

-- name: write_change
WITH change AS (
    UPDATE tree_change SET last_rev = %(head)s WHERE task_id = %(task)s AND change_id = %(change)s
),
moved AS (
    UPDATE tree SET head = %(head)s WHERE task_id = %(task)s
),
revised AS (
    INSERT INTO tree_revision
        (tenant_id, task_id, rev, op, node_id, before, after, caused_by, restores, actor, change_id, at)
    SELECT %(tenant)s, r.task, r.rev, r.op, (r.after ->> 'id')::uuid, r.before, r.after, r.caused_by, r.restores,
        r.actor, r.change_id, r.at
    FROM jsonb_to_recordset(%(revisions)s::jsonb) AS r (
        task uuid, rev integer, op text, before jsonb, after jsonb, caused_by integer, restores integer,
        actor text, change_id text, at timestamptz
    )
)
UPDATE tree_node AS n
SET title = r.title, status = r.status, value = r.value, provenance = r.provenance, agent_id = r.agent,
    retired_rev = r.retired_rev
FROM jsonb_to_recordset(%(updated)s::jsonb) AS r (
    id uuid, title text, status text, value jsonb, provenance jsonb, agent uuid, retired_rev integer
)
WHERE n.tenant_id = %(tenant)s AND n.id = r.id

-- name: insert_nodes
INSERT INTO tree_node
    (tenant_id, task_id, id, parent_id, key, title, status, value, provenance, agent_id, created_rev, retired_rev)
SELECT %(tenant)s, %(task)s, r.id, r.parent, r.key, r.title, r.status, r.value, r.provenance, r.agent,
    r.created_rev, r.retired_rev
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    id uuid, parent uuid, key text, title text, status text, value jsonb, provenance jsonb, agent uuid,
    created_rev integer, retired_rev integer
)

-- name: retire_edges
UPDATE tree_edge AS e
SET retired_rev = r.rev
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (src uuid, dst uuid, kind text, rev integer)
WHERE e.tenant_id = %(tenant)s AND e.src = r.src AND e.dst = r.dst AND e.kind = r.kind AND e.retired_rev IS NULL

-- name: insert_edges
INSERT INTO tree_edge (tenant_id, src, dst, kind, position, created_rev)
SELECT %(tenant)s, r.src, r.dst, r.kind, r.position, r.rev
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (src uuid, dst uuid, kind text, position integer, rev integer)
