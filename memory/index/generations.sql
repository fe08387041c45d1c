-- name: live
SELECT number, embedder, name, dimensions, state FROM index_generation
WHERE state <> 'retired'
ORDER BY state DESC, number

-- name: begin_first
INSERT INTO index_generation (embedder, name, dimensions, state)
SELECT %(embedder)s, %(name)s, %(dimensions)s, 'current'
WHERE NOT EXISTS (SELECT FROM index_generation WHERE state = 'current')
ON CONFLICT DO NOTHING

-- name: begin
INSERT INTO index_generation (embedder, name, dimensions, state)
VALUES (%(embedder)s, %(name)s, %(dimensions)s, 'building')
RETURNING number, embedder, name, dimensions, state

-- name: retire
UPDATE index_generation SET state = 'retired', changed_at = clock_timestamp() WHERE state = %(state)s

-- name: make_current
UPDATE index_generation SET state = 'current', changed_at = clock_timestamp()
WHERE number = %(number)s AND state = 'building'

-- name: retired
SELECT number, embedder, name, dimensions, state FROM index_generation WHERE state = 'retired' ORDER BY number

-- name: forget
DELETE FROM index_generation WHERE number = %(number)s AND state = 'retired'

-- name: tenants
SELECT tenant_id FROM index_tenants()
