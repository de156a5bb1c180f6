-- What executors and workers need: bundles, logs, the fleet.

UPDATE schema_range SET newest = 7;
