-- name: mark_changed
INSERT INTO index_change (tenant_id, collection, record_id)
SELECT %(tenant)s, %(collection)s, record FROM unnest(%(records)s::uuid[]) AS row (record)
