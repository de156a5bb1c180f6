-- The next archived rows of a table. By archived_row_by_table.
SELECT id, archived_at, content FROM archived_row WHERE table_name = $1 AND id > $2::bigint ORDER BY id LIMIT $3
