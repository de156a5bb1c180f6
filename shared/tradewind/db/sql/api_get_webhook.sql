-- One webhook with its secrets; webhook_pkey.
SELECT
    name, dag_id, description, format, conf_map, events, created_by, created_at, rotated_at, previous_ends_at, secret,
    previous_secret
FROM webhook
WHERE name = $1
