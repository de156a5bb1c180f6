-- What was archived, by table. By archived_row_by_table.
SELECT table_name, count(*) AS rows, min(archived_at) AS since FROM archived_row GROUP BY table_name ORDER BY table_name
