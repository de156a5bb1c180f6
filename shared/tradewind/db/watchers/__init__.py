"""Watchers of assets in the stores: triggers without a task, each event of which is one of the asset.

`assets` writes their rows when a DAG file is parsed; triggerers take them under their leases as they take triggers. An
event is written only by the triggerer that has the row, so that a watcher that runs twice for a moment counts once.
"""
