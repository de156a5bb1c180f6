-- Pauses or unpauses DAGs that are locked; dag_pkey.
UPDATE dag SET is_paused = $2 WHERE dag_id = ANY ($1::text[])
