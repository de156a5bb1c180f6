-- Whether DAGs are stale, or their file could not be imported. By primary key; the rows are locked already.
UPDATE dag d
SET
    is_stale = w.is_stale,
    has_import_errors = w.has_import_errors,
    last_expired = CASE WHEN w.is_stale AND NOT d.is_stale THEN $1::timestamptz ELSE d.last_expired END
FROM unnest($2::text[], $3::boolean[], $4::boolean[]) AS w (dag_id, is_stale, has_import_errors)
WHERE d.dag_id = w.dag_id
    AND (d.is_stale, d.has_import_errors) IS DISTINCT FROM (w.is_stale, w.has_import_errors)
