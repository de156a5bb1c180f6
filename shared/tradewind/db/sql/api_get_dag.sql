-- One DAG with its latest version, how many of its runs are running, and whether somebody ($2) has marked it; dag_pkey,
-- dag_bundle_pkey, dag_run_running_by_dag, dag_favorite_pkey.
SELECT
    dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name, dag.relative_fileloc, dag.is_paused,
    dag.is_stale, dag.has_import_errors, dag.description, dag.tags, dag.owners, dag.timetable_summary,
    dag.timetable_description, dag.timetable_periodic, dag.timetable_partitioned, dag.allowed_run_types,
    dag.max_active_tasks, dag.max_active_runs, dag.max_consecutive_failed_dag_runs,
    dag.has_task_concurrency_limits, dag.last_parsed_time, dag.last_parse_duration, dag.last_expired,
    dag.next_dagrun_logical_date,
    dag.next_dagrun_data_interval_start, dag.next_dagrun_data_interval_end, dag.next_dagrun_run_after,
    dag_version.id AS version_id, dag_version.version_number, dag_version.created_at AS version_created_at,
    dag_version.bundle_name AS version_bundle_name, dag_version.bundle_version AS version_bundle_version,
    dag_version.structure_digest AS version_digest, dag.bundle_name,
    nullif(coalesce(dag.bundle_version, dag_bundle.version), '') AS bundle_version,
    (SELECT count(*) FROM dag_run WHERE dag_run.dag_id = dag.dag_id AND dag_run.state = 'running') AS active_runs_count,
    EXISTS (
        SELECT FROM dag_favorite
        WHERE dag_favorite.username = $2::text AND dag_favorite.dag_id = dag.dag_id
    ) AS is_favorite
FROM dag
JOIN dag_version ON dag_version.id = dag.dag_version_id
LEFT JOIN dag_bundle ON dag_bundle.name = dag.bundle_name
WHERE dag.dag_id = $1
