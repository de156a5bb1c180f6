-- Which columns archived rows of a table have, now or in an earlier schema. By archived_row_by_table.
SELECT DISTINCT jsonb_object_keys(content) AS name FROM archived_row WHERE table_name = $1 ORDER BY name
