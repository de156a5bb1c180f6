-- A table of history goes; what is of runs that stay is moved to the others, and counted.
SELECT drop_history_partition($1)
