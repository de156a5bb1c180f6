-- XComs of these runs, of those that are over; archived, if a moment is given. By xcom_pkey, dag_run_pkey.
WITH gone AS (
    DELETE FROM xcom x
    USING dag_run r
    WHERE r.id = ANY($1::bigint[]) AND r.state IN ('success', 'failed') AND x.dag_run_id = r.id
    RETURNING x.*
),
archived AS (
    INSERT INTO archived_row (archived_at, table_name, content)
    SELECT $2::timestamptz, 'xcom', to_jsonb(gone) FROM gone WHERE $2::timestamptz IS NOT NULL
)
SELECT count(*) FROM gone
