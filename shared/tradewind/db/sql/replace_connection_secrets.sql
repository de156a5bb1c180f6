-- Replaces tokens ($2 passwords, $3 extras) of connections ($1) by others ($4, $5), unless somebody has changed them
-- meanwhile; connection_pkey.
UPDATE connection AS c
SET password = n.new_password, extra = n.new_extra
FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
    AS n (conn_id, old_password, old_extra, new_password, new_extra)
WHERE c.conn_id = n.conn_id
    AND c.password IS NOT DISTINCT FROM n.old_password
    AND c.extra IS NOT DISTINCT FROM n.old_extra
