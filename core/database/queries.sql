-- name: write_out
SELECT write_out(
    %(topics)s::text[], %(subjects)s::uuid[], %(task)s, %(agents)s::uuid[], %(kinds)s::text[], %(data)b::text[],
    %(call)s, %(told)s
)
