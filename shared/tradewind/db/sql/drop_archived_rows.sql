-- Some archived rows of a table, up to one, for good. By archived_row_by_table, archived_row_pkey.
WITH gone AS (
    DELETE FROM archived_row
    WHERE id IN (
        SELECT id FROM archived_row WHERE table_name = $1 AND id <= $2::bigint ORDER BY id LIMIT $3
    )
    RETURNING id
)
SELECT count(*) FROM gone
