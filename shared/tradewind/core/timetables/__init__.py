"""When runs are made by time: frozen timetables, asked with `now` as an argument.

A timetable answers two questions. *Which run is next*, given the data interval of the last automated run (scheduled or
backfilled, None before the first) and what the DAG allows (`TimeRestriction`). And *which data interval* a run gets
that a person triggers. All times are aware and in UTC; wall clocks appear only in `cron`.

Where a wall clock time does not exist (clocks go forward) the moment is as much later; where it exists twice (clocks go
back) the second one counts, but a schedule that has every hour has both.
"""
