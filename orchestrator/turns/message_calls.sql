-- name: news
SELECT * FROM take_news(
    %(tenant)s, %(task)s, %(agent)s, %(fence)s, %(id)s, %(position)s, %(request)s, %(hash)s, %(anyway)s
)

-- name: stop
SELECT stop_children(%(agent)s, %(children)s::uuid[]) AS stopped

-- name: apply
-- After its event was written, the last of its transaction: that one's number is where it took effect.
UPDATE message
SET state = 'applied', reply = %(reply)s, concluded_at = clock_timestamp(),
    applied_seq = (SELECT event_seq FROM task WHERE id = %(task)s)
WHERE id = %(message)s AND state = 'taken'

-- name: refuse
UPDATE message SET state = 'refused', refusal = %(refusal)s, concluded_at = clock_timestamp()
WHERE id = %(message)s AND state = 'taken'
