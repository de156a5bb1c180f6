-- What an author's own partition mapper is asked, unless it is being asked already. By dag_request_map_partitions.
INSERT INTO dag_request (dag_id, kind, reason, created_at)
VALUES ($1::text, 'map_partitions', $2::text, $3::timestamptz)
ON CONFLICT (dag_id) WHERE kind = 'map_partitions' DO NOTHING
RETURNING id
