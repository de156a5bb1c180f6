-- A run that a person asked for, queued, with its entry ($16, null: none) in the audit log; no row if the DAG has one
-- with this run_id or logical_date already; dag_run_dag_id_run_id_key, dag_run_dag_id_logical_date_key.
WITH inserted AS (
    INSERT INTO dag_run (
        dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date, data_interval_start,
        data_interval_end, run_after, queued_at, conf, note, dag_version_id, partition_key,
        partition_date, bundle_version
    )
    VALUES (
        $1, $2, 'queued', $13, $3, $4, $5, $6, $7, $8, $9, $10::json, $11, $12, $14, $15,
        (
            SELECT nullif(coalesce(d.bundle_version, b.version), '')
            FROM dag d
            JOIN dag_bundle b ON b.name = d.bundle_name
            WHERE d.dag_id = $1 AND NOT d.disable_bundle_versioning
        )
    )
    ON CONFLICT DO NOTHING
    RETURNING id, bundle_version
), logged AS (
    INSERT INTO event_log (
        created_at, event, dag_id, run_id, logical_date, owner, extra, via, remote_address, status
    )
    SELECT $9, $16, $1, $2, $5, $4, $17, $18, $19, $20
    FROM inserted
    WHERE $16::text IS NOT NULL
)
SELECT id, bundle_version
FROM inserted
