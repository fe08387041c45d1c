-- name: episodes
SELECT e.id, e.scope, e.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(e.provenance ->> 'trust')::integer + 1] AS trust,
    e.provenance, e.created_at, e.task_id AS task, e.origin, e.reasons, e.goal, e.outcome, e.conclusion, e.steps,
    e.actions, e.key_steps, e.fail_reason, e.reward, e.utility
FROM episode AS e
WHERE e.id = ANY(%(ids)s)

-- name: episode_page
SELECT e.id, e.scope, e.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(e.provenance ->> 'trust')::integer + 1] AS trust,
    e.provenance, e.created_at, e.task_id AS task, e.origin, e.reasons, e.goal, e.outcome, e.conclusion, e.steps,
    e.actions, e.key_steps, e.fail_reason, e.reward, e.utility
FROM episode AS e
WHERE (%(scope)s::text IS NULL OR e.scope = %(scope)s)
    AND (%(state)s::text IS NULL OR e.state = %(state)s)
    AND (%(before)s::timestamptz IS NULL OR (e.created_at, e.id) < (%(before)s, %(before_id)s::uuid))
ORDER BY e.created_at DESC, e.id DESC
LIMIT %(limit)s

-- name: insights
SELECT i.id, i.scope, i.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(i.provenance ->> 'trust')::integer + 1] AS trust,
    i.provenance, i.created_at, i.kind AS form, i.about, i.text,
    i.origins,
    i.supports, i.contradictions, i.alpha / (i.alpha + i.beta) AS worth, i.utility, i.version, i.retired_for,
    i.superseded_by, i.updated_at
FROM insight AS i
WHERE i.id = ANY(%(ids)s)

-- name: insight_page
SELECT i.id, i.scope, i.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(i.provenance ->> 'trust')::integer + 1] AS trust,
    i.provenance, i.created_at, i.kind AS form, i.about, i.text,
    i.origins,
    i.supports, i.contradictions, i.alpha / (i.alpha + i.beta) AS worth, i.utility, i.version, i.retired_for,
    i.superseded_by, i.updated_at
FROM insight AS i
WHERE (%(scope)s::text IS NULL OR i.scope = %(scope)s)
    AND (%(state)s::text IS NULL OR i.state = %(state)s)
    AND (%(before)s::timestamptz IS NULL OR (i.created_at, i.id) < (%(before)s, %(before_id)s::uuid))
ORDER BY i.created_at DESC, i.id DESC
LIMIT %(limit)s

-- name: notes
SELECT n.id, n.scope, n.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(n.provenance ->> 'trust')::integer + 1] AS trust,
    n.provenance, n.created_at, n.origin, n.reasons, n.text, n.source, n.thread, n.position, n.at, n.expires_at
FROM note AS n
WHERE n.id = ANY(%(ids)s) AND (n.expires_at IS NULL OR n.expires_at > clock_timestamp())

-- name: note_page
SELECT n.id, n.scope, n.state, (ARRAY['untrusted', 'derived', 'user', 'operator', 'platform'])[(n.provenance ->> 'trust')::integer + 1] AS trust,
    n.provenance, n.created_at, n.origin, n.reasons, n.text, n.source, n.thread, n.position, n.at, n.expires_at
FROM note AS n
WHERE (%(scope)s::text IS NULL OR n.scope = %(scope)s)
    AND (%(state)s::text IS NULL OR n.state = %(state)s)
    AND (%(before)s::timestamptz IS NULL OR (n.created_at, n.id) < (%(before)s, %(before_id)s::uuid))
    AND (n.expires_at IS NULL OR n.expires_at > clock_timestamp())
ORDER BY n.created_at DESC, n.id DESC
LIMIT %(limit)s
