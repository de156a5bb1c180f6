-- DAGs as parsed; what people decide (paused) is set for new ones only. By primary key.
INSERT INTO dag (
    dag_id, dag_display_name, relative_fileloc, dag_version_id, is_paused, description, tags, owners,
    timetable_summary, timetable_description, max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs,
    last_parsed_time
)
SELECT
    w.dag_id, w.dag_display_name, w.relative_fileloc, w.dag_version_id, w.is_paused, w.description,
    ARRAY(SELECT json_array_elements_text(w.tags::json)), ARRAY(SELECT json_array_elements_text(w.owners::json)),
    w.timetable_summary, w.timetable_description, w.max_active_tasks, w.max_active_runs,
    w.max_consecutive_failed_dag_runs, $1::timestamptz
FROM unnest(
    $2::text[], $3::text[], $4::text[], $5::uuid[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::integer[], $13::integer[], $14::integer[]
) AS w (
    dag_id, dag_display_name, relative_fileloc, dag_version_id, is_paused, description, tags, owners,
    timetable_summary, timetable_description, max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs
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
    max_active_tasks = excluded.max_active_tasks,
    max_active_runs = excluded.max_active_runs,
    max_consecutive_failed_dag_runs = excluded.max_consecutive_failed_dag_runs,
    last_parsed_time = excluded.last_parsed_time
