-- A table for history between two moments, unless it is there; true = it was made.
SELECT add_history_partition($1, $2::timestamptz, $3::timestamptz)
