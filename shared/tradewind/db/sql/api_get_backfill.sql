-- One backfill, for people. By primary keys.
SELECT b.*, coalesce(d.dag_display_name, b.dag_id) AS dag_display_name
FROM backfill b
LEFT JOIN dag d ON d.dag_id = b.dag_id
WHERE b.id = $1::bigint
