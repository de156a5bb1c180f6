"""Authors' code that is asked outside of any task: custom timetables, callbacks of DAGs.

The scheduler never runs it. What is asked is a row (`core.dag_requests`); it is taken under a lease and answered in
a child of the parse server, bounded in time. Several dag processors share the rows; one that dies loses its lease.

Also here: files that people want parsed again (`wanted_parses`), which are rows, too.
"""
