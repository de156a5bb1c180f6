-- DAGs as parsed; what people decide (paused) is set for new ones only. By primary key.
INSERT INTO dag (
    dag_id, dag_display_name, relative_fileloc, dag_version_id, is_paused, description, tags, owners,
    timetable_summary, timetable_description, timetable_type, timetable_periodic, timetable_partitioned,
    allowed_run_types, max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs, has_task_concurrency_limits,
    last_parsed_time, bundle_name, bundle_version, disable_bundle_versioning, pools, last_parse_duration
)
SELECT
    w.dag_id, w.dag_display_name, w.relative_fileloc, w.dag_version_id, w.is_paused, w.description,
    ARRAY(SELECT json_array_elements_text(w.tags::json)), ARRAY(SELECT json_array_elements_text(w.owners::json)),
    w.timetable_summary, w.timetable_description, w.timetable_type, w.timetable_periodic, w.timetable_partitioned,
    CASE WHEN w.allowed_run_types IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(w.allowed_run_types::json)) END,
    w.max_active_tasks, w.max_active_runs, w.max_consecutive_failed_dag_runs, w.has_task_concurrency_limits,
    $1::timestamptz, w.bundle_name,
    nullif(w.bundle_version, (SELECT b.version FROM dag_bundle b WHERE b.name = w.bundle_name)),
    w.disable_bundle_versioning, ARRAY(SELECT json_array_elements_text(w.pools::json)),
    w.last_parse_duration
FROM unnest(
    $2::text[], $3::text[], $4::text[], $5::uuid[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::boolean[], $14::boolean[], $15::text[], $16::integer[], $17::integer[],
    $18::integer[], $19::boolean[], $20::text[], $21::text[], $22::boolean[], $23::text[],
    $24::float8[]
) AS w (
    dag_id, dag_display_name, relative_fileloc, dag_version_id, is_paused, description, tags, owners,
    timetable_summary, timetable_description, timetable_type, timetable_periodic, timetable_partitioned,
    allowed_run_types, max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs, has_task_concurrency_limits,
    bundle_name, bundle_version, disable_bundle_versioning, pools, last_parse_duration
)
ON CONFLICT (dag_id) DO UPDATE
SET
    dag_display_name = excluded.dag_display_name,
    relative_fileloc = excluded.relative_fileloc,
    dag_version_id = excluded.dag_version_id,
    description = excluded.description,
    tags = excluded.tags,
    owners = excluded.owners,
    timetable_summary = excluded.timetable_summary,
    timetable_description = excluded.timetable_description,
    timetable_type = excluded.timetable_type,
    timetable_periodic = excluded.timetable_periodic,
    timetable_partitioned = excluded.timetable_partitioned,
    allowed_run_types = excluded.allowed_run_types,
    max_active_tasks = excluded.max_active_tasks,
    max_active_runs = excluded.max_active_runs,
    max_consecutive_failed_dag_runs = excluded.max_consecutive_failed_dag_runs,
    has_task_concurrency_limits = excluded.has_task_concurrency_limits,
    last_parsed_time = excluded.last_parsed_time,
    bundle_name = excluded.bundle_name,
    bundle_version = excluded.bundle_version,
    disable_bundle_versioning = excluded.disable_bundle_versioning,
    pools = excluded.pools,
    last_parse_duration = excluded.last_parse_duration
