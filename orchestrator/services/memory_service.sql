-- name: task_status
SELECT status FROM task WHERE id = %(task)s
