-- A request is done with, unless it began anew. By primary key.
DELETE FROM dag_request WHERE id = $1::bigint AND generation = $2::integer RETURNING dag_id
