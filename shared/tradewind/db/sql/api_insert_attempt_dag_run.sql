-- A run that a task asked for, queued, on behalf of whoever asked for the task's own run: its row is held against an
-- end until this commits. Gives the attempt's state and the run, null if the DAG has one with this run_id or
-- logical_date already; no row if another attempt is current; task_instance_attempt, dag_run_dag_id_run_id_key,
-- dag_run_dag_id_logical_date_key.
WITH attempt AS (
    SELECT ti.state, own_run.triggering_user_name
    FROM task_instance AS ti
    JOIN dag_run AS own_run ON own_run.id = ti.dag_run_id
    WHERE ti.attempt_id = $1
    FOR SHARE OF ti
), created AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date, data_interval_start,
        data_interval_end, run_after, queued_at, conf, note, dag_version_id,
        bundle_version
    )
    SELECT
        $2, $3, 'queued', 'operator_triggered', 'operator', attempt.triggering_user_name, $4, $5, $6, $7, $8, $9::json,
        $10, $11,
        (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = $2 AND NOT d.disable_bundle_versioning
        )
    FROM attempt
    WHERE attempt.state IN ('running', 'deferred')
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT attempt.state, (SELECT created.id FROM created) AS dag_run_id FROM attempt
