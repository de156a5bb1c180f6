-- Watchers that were taken, but not by an answer that arrived, become anybody's. By primary key.
UPDATE asset_watcher SET triggerer_id = NULL WHERE triggerer_id = $1::uuid AND id = ANY ($2::bigint[])
