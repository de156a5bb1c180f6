-- A (locked) DAG that has no runs any more, with its versions; its file is parsed anew if it is still there.
-- By dag_pkey, dag_version_dag_id_version_number_key, dag_by_file.
WITH gone AS (
    DELETE FROM dag WHERE dag_id = $1 RETURNING dag_id, relative_fileloc
),
unparsed AS (
    DELETE FROM dag_file f USING gone g WHERE f.relative_fileloc = g.relative_fileloc
)
SELECT dag_id FROM gone
