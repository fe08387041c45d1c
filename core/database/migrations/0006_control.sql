-- Approvals, timers, and the time of a task that can be paused.

-- The time of a task: it stands still while the task is paused, and is behind by as long as it was. Deadlines,
-- expiries and timers are kept in it, so that to pause and to resume change no row but the task's.
CREATE FUNCTION task_time(paused_at timestamptz, paused_for interval) RETURNS timestamptz
LANGUAGE sql VOLATILE
RETURN coalesce(paused_at, clock_timestamp()) - paused_for;

-- What an agent waits for a person to decide. `attempt` counts the times the call was begun before this was
-- asked; `expires_at` is in the time of the task.
CREATE TABLE approval (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    agent_id uuid NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    position integer NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tool', 'unknown_outcome')),
    tool text NOT NULL,
    arguments jsonb NOT NULL,
    evidence jsonb NOT NULL,
    fallback text NOT NULL CHECK (fallback IN ('approve', 'deny')),
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    edited jsonb,
    note text,
    decided_by uuid,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    UNIQUE (agent_id, position, attempt),
    CHECK ((state = 'pending') = (decided_at IS NULL))
);
CREATE INDEX approval_newest ON approval (tenant_id, requested_at DESC, id DESC);
CREATE INDEX approval_of_task ON approval (task_id);
CREATE INDEX approval_due ON approval (expires_at) WHERE state = 'pending';
CREATE INDEX approval_open ON approval (agent_id) WHERE state = 'pending';
CALL protect('approval');
CALL open_to_engine('approval', 'SELECT');

CREATE INDEX agent_wakes ON agent (wake_at) WHERE waiting_on = 'timer';

GRANT CREATE ON SCHEMA treehold TO treehold_engine;

-- Approvals nobody decided in time: who they are, so that each can be closed in a unit of work.
CREATE FUNCTION expired_approvals(most integer)
RETURNS TABLE (tenant_id uuid, approval_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT p.tenant_id, p.id FROM approval AS p JOIN task AS t ON t.id = p.task_id
    WHERE p.state = 'pending' AND p.expires_at <= clock_timestamp() AND t.paused_at IS NULL
        AND p.expires_at <= task_time(t.paused_at, t.paused_for)
    ORDER BY p.expires_at LIMIT most
$$;

-- Agents whose timer has run out.
CREATE FUNCTION due_timers(most integer)
RETURNS TABLE (tenant_id uuid, agent_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT a.tenant_id, a.id FROM agent AS a JOIN task AS t ON t.id = a.task_id
    WHERE a.waiting_on = 'timer' AND a.wake_at <= clock_timestamp() AND t.paused_at IS NULL
        AND a.wake_at <= task_time(t.paused_at, t.paused_for)
    ORDER BY a.wake_at LIMIT most
$$;

ALTER FUNCTION expired_approvals(integer) OWNER TO treehold_engine;
ALTER FUNCTION due_timers(integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION expired_approvals(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION due_timers(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expired_approvals(integer) TO treehold_app;
GRANT EXECUTE ON FUNCTION due_timers(integer) TO treehold_app;
