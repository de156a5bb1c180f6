-- What tasks wait for that begin by waiting, and how they go on: in the transaction that made them `deferred`. XComs of
-- earlier tries are removed, as a claim would. By primary keys.
WITH begun AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::bigint[], $3::text[], $4::integer[], $5::uuid[], $6::text[], $7::bytea[], $8::text[], $9::bytea[],
        $10::text[], $11::timestamptz[]
    ) AS b (
        dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, next_method, next_kwargs, queue, timeout_at
    )
),
waiting AS (
    UPDATE task_instance t
    SET
        is_resuming = true,
        next_method = b.next_method,
        next_kwargs = b.next_kwargs,
        start_date = $1::timestamptz,
        first_start_date = $1::timestamptz,
        end_date = NULL
    FROM begun b
    WHERE t.dag_run_id = b.dag_run_id AND t.task_id = b.task_id AND t.map_index = b.map_index
),
forgotten AS (
    DELETE FROM xcom x
    USING begun b
    WHERE x.dag_run_id = b.dag_run_id AND x.task_id = b.task_id AND x.map_index = b.map_index
)
INSERT INTO trigger (
    dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, queue, timeout_at, created_at
)
SELECT dag_run_id, task_id, map_index, attempt_id, classpath, kwargs, queue, timeout_at, $1::timestamptz FROM begun
