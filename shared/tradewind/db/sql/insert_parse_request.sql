-- Somebody wants a DAG file ($1) parsed again; no row if there is no such file; dag_file_pkey, parse_request_pkey.
INSERT INTO parse_request (relative_fileloc)
SELECT relative_fileloc FROM dag_file WHERE relative_fileloc = $1
ON CONFLICT (relative_fileloc) DO UPDATE SET generation = parse_request.generation + 1
RETURNING generation
