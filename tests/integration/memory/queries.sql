-- name: add_task
INSERT INTO task (id, tenant_id, goal, model, granted) VALUES (%(task)s, %(tenant)s, 'goal', '{}', '{}')

-- name: count_nodes
SELECT count(*) AS rows FROM tree_node

-- name: count_revisions
SELECT count(*) AS rows FROM tree_revision

-- name: count_episodes
SELECT count(*) AS rows FROM episode

-- name: count_supports
SELECT count(*) AS rows FROM insight_support

-- name: rewrite_revision
UPDATE tree_revision SET actor = 'somebody else'

-- name: quarantine
UPDATE episode SET state = 'quarantined' WHERE id = %(id)s

-- name: exposures
SELECT record_id, kind, position, decision, reason FROM exposure WHERE agent_id = %(agent)s ORDER BY decision DESC

-- name: insight
SELECT supports, contradictions, state, provenance, version FROM insight WHERE id = %(id)s

-- name: steal_node
INSERT INTO tree (tenant_id, task_id) VALUES (%(other)s, %(task)s)
