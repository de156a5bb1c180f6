-- Running runs without an owner become this (living) scheduler's, with a higher epoch. By dag_run_running.
WITH alive AS MATERIALIZED (
    SELECT s.id FROM scheduler s WHERE s.id = $1::uuid AND s.expired_at IS NULL FOR SHARE
),
free AS MATERIALIZED (
    SELECT r.id
    FROM dag_run r
    WHERE r.owner IS NULL AND r.state = 'running' AND EXISTS (SELECT FROM alive)
    ORDER BY r.id
    LIMIT $2::integer
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE dag_run r SET owner = $1::uuid, owner_epoch = r.owner_epoch + 1 FROM free f WHERE r.id = f.id RETURNING r.id
