-- Partitions of a (locked) DAG that wait by mappers which it no longer has; asset_partition_dag_id_partition_key_key.
DELETE FROM asset_partition p WHERE p.dag_id = $1::text AND p.mappers_digest <> $2::text
