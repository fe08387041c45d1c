-- name: install
-- Records every row a turn writes while another process, or nobody, holds its agent. Connections bear the name
-- of their process, and leases the name of their holder, so no fence has to be believed.
CREATE SCHEMA chaos;
CREATE TABLE chaos.stale_write (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL,
    agent uuid NOT NULL,
    writer text NOT NULL,
    holder text,
    fence bigint,
    held_fence bigint
);

CREATE FUNCTION chaos.record(p_what text, p_fence bigint, a treehold.agent) RETURNS void
LANGUAGE sql SECURITY DEFINER
AS $$
    INSERT INTO chaos.stale_write (what, agent, writer, holder, fence, held_fence)
    VALUES (p_what, a.id, current_setting('application_name'), a.lease_owner, p_fence, a.fence)
$$;

CREATE FUNCTION chaos.is_holder(a treehold.agent) RETURNS boolean
LANGUAGE sql
RETURN a.state = 'running' AND left(a.lease_owner, 63) = current_setting('application_name');

-- Whether this very transaction has written the agent, and so let it go: what it writes then was judged by that.
CREATE FUNCTION chaos.let_go_here(a treehold.agent) RETURNS boolean
LANGUAGE sql
RETURN a.state <> 'running' AND EXISTS (
    SELECT FROM treehold.agent AS row WHERE row.id = a.id AND row.xmin = pg_current_xact_id()::xid
);

-- A running agent's end, wait or longer lease, under the fence it had, is its holder's to write.
CREATE FUNCTION chaos.watch_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF OLD.state = 'running' AND NEW.fence = OLD.fence AND OLD.lease_owner <> 'reaper'
        AND NOT chaos.is_holder(OLD)
        AND (NEW.state <> OLD.state OR NEW.lease_until IS DISTINCT FROM OLD.lease_until)
    THEN
        PERFORM chaos.record('agent', NEW.fence, OLD);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON treehold.agent FOR EACH ROW EXECUTE FUNCTION chaos.watch_agent();

-- Calls are their holder's, also as it ends its turn, but for those that an ended agent left in flight.
CREATE FUNCTION chaos.watch_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    a treehold.agent;
BEGIN
    SELECT * INTO a FROM treehold.agent WHERE id = NEW.agent_id;
    IF a.state <> 'running' AND NEW.state = 'unknown' THEN
        RETURN NULL;
    END IF;
    IF NOT (chaos.is_holder(a) OR chaos.let_go_here(a)) OR NEW.fence <> a.fence THEN
        PERFORM chaos.record('call', NEW.fence, a);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON treehold.call FOR EACH ROW EXECUTE FUNCTION chaos.watch_call();

-- A checkpoint is written once its agent has let the lease go, in the same transaction.
CREATE FUNCTION chaos.watch_checkpoint() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    a treehold.agent;
BEGIN
    SELECT * INTO a FROM treehold.agent WHERE id = NEW.agent_id;
    IF NEW.fence <> a.fence OR a.state = 'running' THEN
        PERFORM chaos.record('checkpoint', NEW.fence, a);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON treehold.checkpoint
FOR EACH ROW EXECUTE FUNCTION chaos.watch_checkpoint();

-- What a turn tells or stores while it runs, or as it ends.
CREATE FUNCTION chaos.watch_holder() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    a treehold.agent;
BEGIN
    SELECT * INTO a FROM treehold.agent WHERE id = NEW.agent_id;
    IF NOT (chaos.is_holder(a) OR chaos.let_go_here(a)) THEN
        PERFORM chaos.record(TG_TABLE_NAME, NULL, a);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT ON treehold.artifact
FOR EACH ROW WHEN (NEW.agent_id IS NOT NULL) EXECUTE FUNCTION chaos.watch_holder();
CREATE TRIGGER watch AFTER INSERT ON treehold.event
FOR EACH ROW WHEN (NEW.kind ~ '^(model|tool|gate|recall)\.') EXECUTE FUNCTION chaos.watch_holder();

-- name: stale_writes
SELECT what, writer, holder, fence, held_fence FROM chaos.stale_write ORDER BY at

-- name: running
SELECT count(*) FROM task WHERE status = 'running'

-- name: unsettled
-- Tasks that are not over, or that memory has not been told of.
SELECT count(*) FROM task WHERE status = 'running' OR learned_at IS NULL

-- name: tasks
SELECT id, goal, status, stop_reason, answer, error FROM task

-- name: open_reservations
SELECT
    (SELECT count(*) FROM budget WHERE reserved <> 0 OR delegated <> 0)
    + (SELECT count(*) FROM call WHERE state = 'intent')

-- name: open_agents
SELECT count(*) FROM agent WHERE state IN ('ready', 'running', 'waiting')

-- name: event_gaps
SELECT count(*) FROM (
    SELECT t.id FROM task AS t LEFT JOIN event AS e ON e.task_id = t.id
    GROUP BY t.id HAVING count(e.seq) <> t.event_seq OR coalesce(max(e.seq), 0) <> t.event_seq
) AS gap

-- name: effects
-- What the journal says of the tools that reach the ledger.
SELECT id::text, effect, state, attempts FROM call WHERE name = ANY(%(names)s)

-- name: recoveries
-- From the death of a process to each of its agents' next turn.
SELECT extract(epoch FROM next.at)::double precision - d.at
FROM unnest(%(owners)s::text[], %(times)s::double precision[]) AS d (owner, at)
JOIN event AS begun ON begun.kind IN ('agent.started', 'agent.resumed') AND begun.data ->> 'worker' = d.owner
CROSS JOIN LATERAL (
    SELECT e.at, e.kind FROM event AS e
    WHERE e.task_id = begun.task_id AND e.agent_id = begun.agent_id AND e.seq > begun.seq
        AND e.kind IN ('agent.resumed', 'agent.waiting', 'agent.finished', 'agent.failed', 'agent.cancelled')
    ORDER BY e.seq LIMIT 1
) AS next
WHERE next.kind = 'agent.resumed' AND extract(epoch FROM next.at) > d.at

-- name: repeat_messages
-- The same pointers again, whatever has become of what they point to.
INSERT INTO outbox (tenant_id, topic, subject_id)
SELECT tenant_id, 'advance', id FROM agent ORDER BY random() LIMIT %(most)s

-- name: hold_messages
SELECT id FROM outbox FOR UPDATE

-- name: lose_messages
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY random() LIMIT %(most)s FOR UPDATE SKIP LOCKED)

-- name: newest_event
SELECT coalesce(max(extract(epoch FROM at)), 0)::double precision FROM event
