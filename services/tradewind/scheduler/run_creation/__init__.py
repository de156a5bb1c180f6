"""Runs made by time: each DAG's next run is a row, and whoever sees it due first makes it.

Authoritative are the columns `dag.next_dagrun_*`: set when a DAG is parsed, and compared and set in the transaction
that inserts a run, so that several schedulers make each run once. The loop sleeps until the next run of any DAG is due;
a changed DAG, and the end of a run where one waits for room, wake it. What a lost nudge hides, the sweep's interval
finds.
"""
