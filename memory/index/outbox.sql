-- name: mark_changed
INSERT INTO index_change (tenant_id, collection, record_id)
SELECT %(tenant)s, %(collection)s, record FROM unnest(%(records)s::uuid[]) AS row (record)

-- name: take
SELECT tenant_id, id, collection, record_id, tries
FROM take_index_changes(%(tenant)s::uuid, %(collections)s::text[], %(most)s, %(seconds)s)
ORDER BY id

-- name: settle
DELETE FROM index_change AS c
USING unnest(%(ids)s::bigint[], %(tries)s::integer[]) AS taken (id, tries)
WHERE c.tenant_id = %(tenant)s AND c.id = taken.id AND c.tries = taken.tries
RETURNING c.id

-- name: put_back
UPDATE index_change AS c
SET held_until = clock_timestamp() + make_interval(secs => least(%(longest)s, 2.0 ^ least(c.tries, 20)))
FROM unnest(%(ids)s::bigint[], %(tries)s::integer[]) AS taken (id, tries)
WHERE c.tenant_id = %(tenant)s AND c.id = taken.id AND c.tries = taken.tries

-- name: waiting
SELECT count(*) AS changes FROM index_change WHERE tenant_id = %(tenant)s AND tries < %(tries)s
