-- A (locked) DAG that has no runs any more, and what waits for new ones; its file is parsed anew if it is still there.
-- By dag_pkey, dag_file_pkey, parse_request_pkey; the other tables hold little of each DAG.
WITH gone AS (
    DELETE FROM dag WHERE dag_id = $1 RETURNING dag_id, relative_fileloc
),
unparsed AS (
    DELETE FROM dag_file f USING gone g WHERE f.relative_fileloc = g.relative_fileloc
),
wanted AS (
    INSERT INTO parse_request (relative_fileloc)
    SELECT g.relative_fileloc FROM gone g
    ON CONFLICT (relative_fileloc) DO UPDATE SET generation = parse_request.generation + 1
),
unreferenced AS (
    DELETE FROM asset_reference a USING gone g WHERE a.dag_id = g.dag_id
),
unqueued AS (
    DELETE FROM asset_dag_run_queue q USING gone g WHERE q.dag_id = g.dag_id
),
unpartitioned AS (
    DELETE FROM asset_partition p USING gone g WHERE p.dag_id = g.dag_id
),
unfilled AS (
    DELETE FROM backfill b USING gone g WHERE b.dag_id = g.dag_id
),
unasked AS (
    DELETE FROM dag_request r USING gone g WHERE r.dag_id = g.dag_id
)
SELECT dag_id FROM gone
