-- Isolation: verdicts about commands of agents that have read untrusted text.

-- What the validator decided about a call, by all that it was asked about it (agents/validator.py, `key`): the user's words,
-- the tool, its arguments and the version of the rules. A verdict that was never given is not kept.
CREATE TABLE verdict (
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    key bytea NOT NULL,
    decision text NOT NULL CHECK (decision IN ('allow', 'deny')),
    reason_code text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
CALL protect('verdict');
