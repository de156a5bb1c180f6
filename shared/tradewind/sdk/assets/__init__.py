"""Assets: what tasks read and write, and what DAGs may wait for.

An *asset* is named by name and URI; an *alias* stands for the assets that a task finds out while it runs; a *reference*
names an asset that somebody else defines. Conditions (`AssetAll`, `AssetAny`) combine them. A DAG whose `schedule` is
such a condition is run when it is met; what is met is decided by `tradewind.core.assets`, from events in the store.
"""
