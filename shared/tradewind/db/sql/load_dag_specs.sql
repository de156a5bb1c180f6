-- Specs by version. By primary key.
SELECT v.id, v.spec::text AS spec FROM dag_version v WHERE v.id = ANY($1::uuid[])
