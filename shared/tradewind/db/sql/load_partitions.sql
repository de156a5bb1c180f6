-- The events that count for partitions of a (locked) DAG, those of active assets; asset_partition_dag_id_partition_key_key.
SELECT p.id AS partition_id, p.partition_key, e.id AS event_id, a.name, a.uri, e."timestamp" AS queued_at,
    e.partition_key AS source_key, e.partition_date, l.said
FROM asset_partition p
JOIN asset_partition_event l ON l.partition_id = p.id
JOIN asset_event e ON e.id = l.event_id
JOIN asset a ON a.id = e.asset_id AND a.is_active
WHERE p.dag_id = $1::text AND p.partition_key = ANY($2::text[])
ORDER BY p.id, e.id
