-- name: claim
SELECT * FROM claim_agent(%(tenant)s, %(agent)s, %(owner)s, %(seconds)s)
