"""Lists of runs and task instances that are asked for otherwise than by `GET …/dagRuns` and `GET …/taskInstances`."""
