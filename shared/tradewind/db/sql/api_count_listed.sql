-- How many rows a list has, up to $most (null: all), by whatever index the list itself is read: a frame for its own
-- `FROM … WHERE`.
SELECT count(*) FROM (SELECT /* listed */ LIMIT $most) AS counted
