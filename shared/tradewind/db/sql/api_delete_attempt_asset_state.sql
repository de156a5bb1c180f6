-- Forgets what is kept for an asset under a key, or (null) all of it, if the attempt is current and running: its row is
-- held against an end until this commits. Gives the attempt's state, no row if another one is current;
-- task_instance_attempt, asset_state_store_pkey, asset_state_store_by_uri.
WITH attempt AS (
    SELECT state FROM task_instance WHERE attempt_id = $1 FOR SHARE
), removed AS (
    DELETE FROM asset_state_store AS kept USING attempt
    WHERE attempt.state IN ('running', 'deferred') AND ($4::text IS NULL OR kept.key = $4)
        AND (($2::text <> '' AND kept.asset_name = $2) OR ($2 = '' AND kept.asset_uri = $3::text))
)
SELECT state FROM attempt
