-- Traces for other tools: what a task's submission was a part of, and how far its events are told as spans.

-- The `traceparent` header that the task was submitted with.
ALTER TABLE task ADD COLUMN traceparent text;

-- Whether tasks of the tenant are to be told: set once spans are exported anywhere.
ALTER TABLE tenant ADD COLUMN traced boolean NOT NULL DEFAULT false;

-- Tasks whose events are not all told yet, and the last one that is. Rows come with tasks and go once all is told.
CREATE TABLE untold (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    task_id uuid PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    seq bigint NOT NULL DEFAULT 0
);
CALL protect('untold');

GRANT CREATE ON SCHEMA treehold TO treehold_engine;
CALL open_to_engine('untold', 'SELECT');
GRANT UPDATE ON tenant TO treehold_engine;

CREATE FUNCTION note_untold() RETURNS trigger
LANGUAGE plpgsql SET search_path = treehold, pg_temp
AS $$
BEGIN
    INSERT INTO untold (tenant_id, task_id)
    SELECT t.id, NEW.id FROM tenant AS t WHERE t.id = NEW.tenant_id AND t.traced;
    RETURN NULL;
END;
$$;
CREATE TRIGGER task_is_untold AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION note_untold();

-- Tasks with events to tell, the oldest first, and those of which nothing more will come. Tells of tasks from the
-- first time it is asked.
CREATE FUNCTION untold_tasks(p_most integer)
RETURNS TABLE (tenant_id uuid, task_id uuid, seq bigint, traceparent text, ended_at timestamptz, over boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE tenant SET traced = true WHERE NOT traced;
    RETURN QUERY
    SELECT u.tenant_id, u.task_id, u.seq, t.traceparent, t.finished_at, t.learned_at IS NOT NULL AND t.event_seq = u.seq
    FROM untold AS u JOIN task AS t ON t.id = u.task_id
    WHERE t.event_seq > u.seq OR t.status <> 'running' AND t.learned_at IS NOT NULL
    ORDER BY u.task_id LIMIT p_most;
END;
$$;

-- What each of these agents or tasks belongs to, for the headers of messages about them.
CREATE FUNCTION trace_contexts(p_subjects uuid[])
RETURNS TABLE (subject_id uuid, task_id uuid, traceparent text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT s.id, t.id, t.traceparent
    FROM unnest(p_subjects) AS s (id)
    LEFT JOIN agent AS a ON a.id = s.id
    JOIN task AS t ON t.id = coalesce(a.task_id, s.id)
$$;

-- Figures of the whole fleet, by name and label; of the queues, those of the tenants that wait longest.
CREATE FUNCTION fleet_figures(p_tenants integer)
RETURNS TABLE (figure text, label text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    SELECT 'tasks_open', CASE WHEN t.paused_at IS NULL THEN 'running' ELSE 'paused' END, count(*)
    FROM task AS t WHERE t.status = 'running' GROUP BY 2
    UNION ALL
    SELECT 'agents', concat_ws('_', a.state, a.waiting_on), count(*)
    FROM task AS t JOIN agent AS a ON a.task_id = t.id AND a.state IN ('ready', 'running', 'waiting')
    WHERE t.status = 'running' GROUP BY 2
    UNION ALL
    SELECT 'outbox', '', count(*) FROM outbox
    UNION ALL
    SELECT 'outbox_age', '', greatest(coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0), 0) FROM outbox
    UNION ALL
    (
        SELECT 'queue_age', a.tenant_id::text,
            greatest(extract(epoch FROM clock_timestamp() - min(a.published_at)), 0) AS age
        FROM agent AS a JOIN task AS t ON t.id = a.task_id AND t.paused_at IS NULL
        WHERE a.state = 'ready' GROUP BY 2 ORDER BY age DESC LIMIT p_tenants
    )
    UNION ALL
    SELECT 'approvals_pending', '', count(*) FROM approval WHERE state = 'pending'
    UNION ALL
    SELECT 'traces_waiting', '', count(*) FROM untold
$$;

ALTER FUNCTION trace_contexts(uuid[]) OWNER TO treehold_engine;
ALTER FUNCTION fleet_figures(integer) OWNER TO treehold_engine;
ALTER FUNCTION untold_tasks(integer) OWNER TO treehold_engine;
REVOKE CREATE ON SCHEMA treehold FROM treehold_engine;
REVOKE ALL ON FUNCTION untold_tasks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION untold_tasks(integer) TO treehold_app;
REVOKE ALL ON FUNCTION trace_contexts(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trace_contexts(uuid[]) TO treehold_app;
REVOKE ALL ON FUNCTION fleet_figures(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fleet_figures(integer) TO treehold_app;
