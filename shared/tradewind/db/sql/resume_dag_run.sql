-- A person has a task of a (locked) run run: what its owner decided before is refused, and one that had ended ($2) goes
-- on without an owner, for the sweep of whichever scheduler is alive. By dag_run_pkey.
UPDATE dag_run r
SET
    revision = r.revision + 1,
    state = CASE WHEN $2 THEN 'running' ELSE r.state END,
    owner = CASE WHEN $2 THEN NULL ELSE r.owner END,
    end_date = CASE WHEN $2 THEN NULL ELSE r.end_date END,
    timeout_at = CASE
        WHEN $2 THEN $3::timestamptz + make_interval(secs => (
            SELECT d.dagrun_timeout_seconds FROM dag d WHERE d.dag_id = r.dag_id
        ))
        ELSE r.timeout_at
    END
WHERE r.id = $1
