"""Services in the background: `-D`, `--pid`, `--log-file`, `--stdout` and `--stderr`, as Airflow's commands have them.

Written here rather than taken from `python-daemon`: what that adds is a pid file whose number alone says whether the
process lives. Ours is locked by it.
"""
