"""What the API asks and writes: functions over the pool, each of them one statement, or some in one transaction."""
