-- name: refuse
SELECT scope, open, bound, seconds FROM refuse_task(%(tenant)s, %(of_tenant)s, %(of_all)s)
