-- Memory: the task tree with its revisions; episodes, insights, and what was shown to whom.

-- One row per task that has a tree. Its lock orders the changes that change the tree; `head` is the last revision.
CREATE TABLE tree (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    head integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, task_id)
);
CALL protect('tree');

-- A node's identity is its id; a retired node keeps its row, so its key is free again.
CREATE TABLE tree_node (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    id uuid NOT NULL,
    parent_id uuid,
    key text NOT NULL,
    title text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed', 'stale', 'retired')),
    value jsonb,
    provenance jsonb NOT NULL,
    agent_id uuid,
    created_rev integer NOT NULL,
    retired_rev integer,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tree (tenant_id, task_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, parent_id) REFERENCES tree_node (tenant_id, id) ON DELETE CASCADE,
    CHECK ((status = 'retired') = (retired_rev IS NOT NULL))
);
CREATE UNIQUE INDEX tree_node_active_key ON tree_node (tenant_id, task_id, key) WHERE retired_rev IS NULL;
CREATE INDEX tree_node_of_task ON tree_node (tenant_id, task_id, created_rev);
CREATE INDEX tree_node_of_parent ON tree_node (tenant_id, parent_id);
CALL protect('tree_node');

-- `src` depends on `dst`, or shares its work.
CREATE TABLE tree_edge (
    tenant_id uuid NOT NULL,
    src uuid NOT NULL,
    dst uuid NOT NULL,
    kind text NOT NULL DEFAULT 'depends_on' CHECK (kind IN ('depends_on', 'shares')),
    position integer NOT NULL,
    created_rev integer NOT NULL,
    retired_rev integer,
    PRIMARY KEY (tenant_id, src, dst, kind, created_rev),
    FOREIGN KEY (tenant_id, src) REFERENCES tree_node (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, dst) REFERENCES tree_node (tenant_id, id) ON DELETE CASCADE,
    CHECK (src <> dst)
);
CREATE UNIQUE INDEX tree_edge_active ON tree_edge (tenant_id, src, dst, kind) WHERE retired_rev IS NULL;
CREATE INDEX tree_edge_dst ON tree_edge (tenant_id, dst);
CALL protect('tree_edge');

-- Which changes were applied, also those that changed nothing: a repeated change is answered from here.
CREATE TABLE tree_change (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    change_id text NOT NULL,
    first_rev integer NOT NULL,
    last_rev integer NOT NULL,
    PRIMARY KEY (tenant_id, task_id, change_id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tree (tenant_id, task_id) ON DELETE CASCADE
);
CALL protect('tree_change');

-- Append-only. `before` and `after` are whole nodes, dependencies included: the tree at any revision is the
-- last `after` of each node. `caused_by` is the change that made this one necessary; `restores` the revision
-- a rollback went back to.
CREATE TABLE tree_revision (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    rev integer NOT NULL,
    op text NOT NULL,
    node_id uuid NOT NULL,
    before jsonb,
    after jsonb NOT NULL,
    caused_by integer,
    restores integer,
    actor text NOT NULL,
    change_id text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, task_id, rev),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tree (tenant_id, task_id) ON DELETE CASCADE
);
CREATE INDEX tree_revision_of_node ON tree_revision (tenant_id, node_id, rev);
CALL protect('tree_revision');
REVOKE UPDATE, DELETE ON tree_revision FROM treehold_app;

-- A finished task as memory keeps it. It outlives its task.
CREATE TABLE episode (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    scope text NOT NULL DEFAULT 'tenant',
    goal text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'failed', 'cancelled')),
    actions jsonb NOT NULL,
    steps jsonb NOT NULL,
    conclusion text,
    provenance jsonb NOT NULL,
    origin text NOT NULL,
    state text NOT NULL CHECK (state IN ('candidate', 'active', 'quarantined', 'retired')),
    reasons text[] NOT NULL DEFAULT '{}',
    reward double precision CHECK (reward BETWEEN 0 AND 1),
    procedure text[] NOT NULL DEFAULT '{}',
    key_steps jsonb NOT NULL DEFAULT '[]',
    fail_reason text,
    condensed_at timestamptz,
    refined_at timestamptz,
    cluster_id uuid,
    shown integer NOT NULL DEFAULT 0,
    utility double precision NOT NULL DEFAULT 0.5,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, task_id)
);
CREATE INDEX episode_of_origin ON episode (tenant_id, origin);
CREATE INDEX episode_of_cluster ON episode (tenant_id, cluster_id, id);
CREATE INDEX episode_unrefined ON episode (tenant_id, cluster_id, id) WHERE refined_at IS NULL;
CALL protect('episode');

CREATE TABLE episode_edge (
    tenant_id uuid NOT NULL,
    src uuid NOT NULL,
    dst uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('similar', 'helped', 'shared_insight')),
    weight double precision NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, src, dst, kind),
    FOREIGN KEY (tenant_id, src) REFERENCES episode (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, dst) REFERENCES episode (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX episode_edge_src ON episode_edge (tenant_id, src, weight DESC);
CREATE INDEX episode_edge_dst ON episode_edge (tenant_id, dst, weight DESC);
CALL protect('episode_edge');

-- A generalisation. `about` is what it is found by; alpha and beta are the Beta counts of its worth: evidence of
-- episodes, and credit of the tasks that were shown it. `shown` and `withheld` count those tasks and those it was
-- held out of, the second of each pair how many of them ended well: their difference is its lift. `origins` are
-- those of its supports, the first 32; `trusted_origins` those of supports in which nothing untrusted had a part.
CREATE TABLE insight (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('procedure', 'advice')),
    scope text NOT NULL DEFAULT 'tenant',
    cluster_id uuid,
    about text NOT NULL,
    text text NOT NULL,
    pattern jsonb,
    supports integer NOT NULL DEFAULT 0,
    contradictions integer NOT NULL DEFAULT 0,
    gains double precision NOT NULL DEFAULT 0,
    losses double precision NOT NULL DEFAULT 0,
    alpha double precision GENERATED ALWAYS AS (1 + supports + gains) STORED,
    beta double precision GENERATED ALWAYS AS (1 + contradictions + losses) STORED,
    utility double precision NOT NULL DEFAULT 0.5,
    shown integer NOT NULL DEFAULT 0,
    shown_well integer NOT NULL DEFAULT 0,
    withheld integer NOT NULL DEFAULT 0,
    withheld_well integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    state text NOT NULL CHECK (state IN ('candidate', 'active', 'quarantined', 'retired')),
    origins text[] NOT NULL DEFAULT '{}',
    trusted_origins text[] NOT NULL DEFAULT '{}',
    retired_for text CHECK (retired_for IN ('harm', 'worth', 'superseded')),
    superseded_by uuid,
    provenance jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    CHECK ((kind = 'procedure') = (pattern IS NOT NULL))
);
CREATE INDEX insight_of_cluster ON insight (tenant_id, cluster_id, id);
CALL protect('insight');

CREATE TABLE insight_support (
    tenant_id uuid NOT NULL,
    insight_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    polarity smallint NOT NULL CHECK (polarity IN (-1, 1)),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, insight_id, episode_id),
    FOREIGN KEY (tenant_id, insight_id) REFERENCES insight (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, episode_id) REFERENCES episode (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX insight_support_episode ON insight_support (tenant_id, episode_id);
CALL protect('insight_support');

-- What recall showed an agent, what it held out to measure lift, and what the guard kept from it. `reward` is what
-- the record was credited with when the task was learned, and again when somebody judged it.
CREATE TABLE exposure (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    record_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('episode', 'insight')),
    version integer,
    position integer,
    decision text NOT NULL CHECK (decision IN ('used', 'withheld', 'held_back')),
    reason text,
    cited boolean NOT NULL DEFAULT false,
    reward double precision CHECK (reward BETWEEN 0 AND 1),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, agent_id, record_id)
);
CREATE INDEX exposure_of_task ON exposure (tenant_id, task_id);
CREATE INDEX exposure_of_record ON exposure (tenant_id, record_id);
CALL protect('exposure');
