-- The insight graph: who said what because of what, kinds of work, versions of insights, and how they are made.

-- Kinds of work: each episode joins the nearest, or founds one. `total` is the sum of its goals' vectors, which
-- points where their mean does. A cluster is never emptied or rebuilt. Its insights are refined by one process at
-- a time: the lease is that process's, for one task.
CREATE TABLE episode_cluster (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    scope text NOT NULL,
    embedder text NOT NULL,
    total public.vector NOT NULL,
    size integer NOT NULL DEFAULT 1,
    refining_for uuid,
    refining_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    CHECK ((refining_for IS NULL) = (refining_until IS NULL))
);
CREATE INDEX episode_cluster_newest ON episode_cluster (tenant_id, scope, created_at DESC);
CALL protect('episode_cluster');

-- The interaction graph of an episode: what was said, bounded, and never what a tool gave.
CREATE TABLE utterance (
    tenant_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    seq integer NOT NULL,
    agent_id uuid,
    role text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('goal', 'plan', 'brief', 'call', 'return', 'answer')),
    content text NOT NULL,
    content_hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, episode_id, seq),
    FOREIGN KEY (tenant_id, episode_id) REFERENCES episode (tenant_id, id) ON DELETE CASCADE
);
CALL protect('utterance');

-- `src` is a cause of `dst`.
CREATE TABLE utterance_edge (
    tenant_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    src integer NOT NULL,
    dst integer NOT NULL,
    PRIMARY KEY (tenant_id, episode_id, src, dst),
    FOREIGN KEY (tenant_id, episode_id, src) REFERENCES utterance (tenant_id, episode_id, seq) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, episode_id, dst) REFERENCES utterance (tenant_id, episode_id, seq) ON DELETE CASCADE,
    CHECK (src < dst)
);
CALL protect('utterance_edge');

-- Insights that one task brought together: shown to it, or found by it while it was shown the other.
CREATE TABLE insight_edge (
    tenant_id uuid NOT NULL,
    a uuid NOT NULL,
    b uuid NOT NULL,
    episode_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, a, b, episode_id),
    FOREIGN KEY (tenant_id, a) REFERENCES insight (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, b) REFERENCES insight (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, episode_id) REFERENCES episode (tenant_id, id) ON DELETE CASCADE,
    CHECK (a < b)
);
CREATE INDEX insight_edge_b ON insight_edge (tenant_id, b);
CREATE INDEX insight_edge_episode ON insight_edge (tenant_id, episode_id);
CALL protect('insight_edge');

-- How an insight came to be as it is. `supersedes` are the insights whose place it took; they keep their counts.
CREATE TABLE insight_version (
    tenant_id uuid NOT NULL,
    insight_id uuid NOT NULL,
    version integer NOT NULL,
    op text NOT NULL CHECK (op IN ('found', 'add', 'edit', 'merge')),
    text text NOT NULL,
    supersedes uuid[] NOT NULL DEFAULT '{}',
    episodes uuid[] NOT NULL DEFAULT '{}',
    model text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, insight_id, version),
    FOREIGN KEY (tenant_id, insight_id) REFERENCES insight (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX insight_version_supersedes ON insight_version USING gin (supersedes);
CALL protect('insight_version');
REVOKE UPDATE ON insight_version FROM treehold_app;

-- The journal of learning: what was asked of a model about a finished task, once for each kind, and what came of
-- it. The sum of what its calls hold and spent never passes what the task's learning is allowed.
CREATE TABLE learning_call (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('condense', 'refine')),
    subject_id uuid NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL DEFAULT 'intent' CHECK (state IN ('intent', 'done', 'failed')),
    outcome jsonb,
    model text,
    held bigint NOT NULL CHECK (held >= 0),
    allowed bigint NOT NULL CHECK (held <= allowed),
    spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    usage jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 1,
    applied_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, task_id, kind)
);
CALL protect('learning_call');

-- What people made of a task's result, 0 to 1; each key has one say, and may change it.
CREATE TABLE feedback (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    key_id uuid NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    note text CHECK (length(note) <= 2000),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, task_id, key_id)
);
CALL protect('feedback');
