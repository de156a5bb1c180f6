-- One run by its names, for people; dag_run_dag_id_run_id_key.
SELECT
    dag_run.id, dag_run.dag_id, dag_run.run_id AS dag_run_id, dag_run.state, dag_run.run_type, dag_run.triggered_by,
    dag_run.triggering_user_name, dag_run.logical_date, dag_run.data_interval_start, dag_run.data_interval_end,
    dag_run.run_after, dag_run.queued_at, dag_run.start_date, dag_run.end_date,
    extract(epoch FROM dag_run.end_date - dag_run.start_date)::float8 AS duration, dag_run.last_scheduling_decision,
    dag_run.conf, dag_run.note, dag_run.bundle_version, dag_run.partition_key, dag_run.partition_date, dag_version.id AS version_id,
    dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.structure_digest AS version_digest,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    coalesce(dag.dag_display_name, dag_run.dag_id) AS dag_display_name
FROM dag_run
JOIN dag_version ON dag_version.id = dag_run.dag_version_id
LEFT JOIN dag ON dag.dag_id = dag_run.dag_id
WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2
