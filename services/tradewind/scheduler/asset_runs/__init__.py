"""Runs made by assets: events wait in the queues of the DAGs that wait for them, and whoever looks first makes the run.

Authoritative are the rows of `asset_dag_run_queue`. A nudge from whoever wrote events names the DAGs to look at; the
sweep looks at queues that nobody has looked at since something came. What is decided, and that no event makes two runs,
is the store's transaction (`AssetStore.create_asset_runs`) and `core.assets`.
"""
