-- name: claim_key
INSERT INTO idempotency (tenant_id, route, key, request_hash, subject_id)
VALUES (%(tenant)s, %(route)s, %(key)s, %(request_hash)s, %(subject)s)
ON CONFLICT (tenant_id, route, key) DO NOTHING

-- name: find_key
SELECT request_hash, subject_id FROM idempotency WHERE route = %(route)s AND key = %(key)s
