-- Keeps a value for an asset, which is named by $2 or, if that is empty, by its URI $3, if the attempt is current and
-- running: its row is held against an end until this commits. Gives the attempt's state, no row if another one is
-- current; task_instance_attempt, asset_state_store_pkey, asset_state_store_by_uri.
WITH attempt AS (
    SELECT dag_run.dag_id, dag_run.run_id, ti.task_id, ti.map_index, ti.state
    FROM task_instance AS ti
    JOIN dag_run ON dag_run.id = ti.dag_run_id
    WHERE ti.attempt_id = $1
    FOR SHARE OF ti
), updated AS (
    UPDATE asset_state_store AS kept
    SET
        value = $5, updated_at = $6, dag_id = attempt.dag_id, run_id = attempt.run_id, task_id = attempt.task_id,
        map_index = attempt.map_index
    FROM attempt
    WHERE attempt.state IN ('running', 'deferred') AND kept.key = $4
        AND (($2::text <> '' AND kept.asset_name = $2) OR ($2 = '' AND kept.asset_uri = $3::text))
    RETURNING kept.key
), written AS (
    INSERT INTO asset_state_store (
        asset_name, asset_uri, key, value, updated_at, dag_id, run_id, task_id, map_index
    )
    SELECT $2, $3, $4, $5, $6, attempt.dag_id, attempt.run_id, attempt.task_id, attempt.map_index
    FROM attempt
    WHERE attempt.state IN ('running', 'deferred') AND NOT EXISTS (SELECT FROM updated)
    ON CONFLICT (asset_name, asset_uri, key)
    DO UPDATE SET
        value = excluded.value, updated_at = excluded.updated_at, dag_id = excluded.dag_id, run_id = excluded.run_id,
        task_id = excluded.task_id, map_index = excluded.map_index
)
SELECT state FROM attempt
