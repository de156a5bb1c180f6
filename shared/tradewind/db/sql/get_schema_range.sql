-- Which services this database serves (one row).
SELECT oldest, newest FROM schema_range
