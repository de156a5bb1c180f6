-- Events of a (locked) DAG's queue, sorted by the partitions that they count for; $4 leave the queue. Partitions of other
-- mappers are void. By asset_partition_dag_id_partition_key_key, asset_dag_run_queue_pkey.
WITH used AS (
    DELETE FROM asset_dag_run_queue q WHERE q.dag_id = $1::text AND q.event_id = ANY($4::bigint[])
),
sorted AS MATERIALIZED (
    SELECT s.* FROM unnest($5::text[], $6::bigint[], $7::text[]) AS s (partition_key, event_id, said)
),
made AS (
    INSERT INTO asset_partition (dag_id, partition_key, mappers_digest, created_at)
    SELECT DISTINCT $1::text, s.partition_key, $2::text, $3::timestamptz FROM sorted s
    ON CONFLICT (dag_id, partition_key) DO UPDATE SET mappers_digest = excluded.mappers_digest
    RETURNING id, partition_key
)
INSERT INTO asset_partition_event (partition_id, event_id, said)
SELECT m.id, s.event_id, s.said FROM sorted s JOIN made m ON m.partition_key = s.partition_key
ON CONFLICT DO NOTHING
