-- All webhooks by name, for people; webhook_pkey.
SELECT name, dag_id, description, format, conf_map, events, created_by, created_at, rotated_at, previous_ends_at
FROM webhook
ORDER BY name
LIMIT $1 OFFSET $2
