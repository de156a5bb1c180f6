"""Assets in the stores: what DAGs refer to, events, and the runs that they make.

An event is written in the transaction of the end that brings it, with one row in the queue of each DAG that waits for
it (`asset_dag_run_queue`). Whoever makes a run locks the DAG, reads its queue, asks `core.assets`, and deletes what the
run uses up in the statement that inserts the run: no event makes two runs, none is forgotten.
"""
