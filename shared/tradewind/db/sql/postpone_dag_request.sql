-- Nobody takes the request before then, unless it began anew. By primary key.
UPDATE dag_request SET leased_until = $3::timestamptz WHERE id = $1::bigint AND generation = $2::integer
