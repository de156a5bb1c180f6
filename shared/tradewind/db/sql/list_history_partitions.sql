-- Tables that hold history by month, and, as an estimate, how many rows. By pg_inherits_parent_index.
SELECT c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'task_instance_history'::regclass AND c.relname <> 'task_instance_history_default'
ORDER BY c.relname
