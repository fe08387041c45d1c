-- name: insert
INSERT INTO note
    (tenant_id, id, scope, text, thread, position, at, source, origin, provenance, state, reasons, expires_at)
SELECT %(tenant)s, r.id, r.scope, r.text, r.thread, r.position, r.at, r.source, r.origin, r.provenance, r.state,
    r.reasons, r.expires_at
FROM jsonb_to_record(%(row)s::jsonb) AS r (
    id uuid, scope text, text text, thread text, position integer, at timestamptz, source text, origin text,
    provenance jsonb, state text, reasons text[], expires_at timestamptz
)
ON CONFLICT DO NOTHING

-- name: notes
SELECT id, scope, text, thread, position, at, source, origin, provenance, state, reasons, created_at, expires_at
FROM note
WHERE id = ANY(%(ids)s) AND scope = ANY(%(scopes)s)
    AND (expires_at IS NULL OR expires_at > clock_timestamp())

-- name: indexed
SELECT id, text, jsonb_strip_nulls(jsonb_build_object(
    'scope', scope, 'origin', origin, 'thread', thread, 'position', position::text
)) AS payload
FROM note
WHERE id = ANY(%(ids)s) AND state IN ('candidate', 'active')
    AND (expires_at IS NULL OR expires_at > clock_timestamp())

-- name: indexed_after
SELECT id, text, jsonb_strip_nulls(jsonb_build_object(
    'scope', scope, 'origin', origin, 'thread', thread, 'position', position::text
)) AS payload
FROM note
WHERE id > %(after)s AND state IN ('candidate', 'active')
    AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY id
LIMIT %(most)s
