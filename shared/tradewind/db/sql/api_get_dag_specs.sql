-- The specs of some versions, as JSON text; dag_version_pkey.
SELECT id, spec::text AS spec FROM dag_version WHERE id = ANY ($1::uuid[])
