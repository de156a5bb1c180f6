"""The supervisor: attempts are offered and claimed, each runs in a child, and its end is reported until it is answered.

`supervisor` is the whole, `attempts` what it holds; `claims`, `reports` and `heartbeats` are its loops towards the
collector, `attempt_runner` the way of one attempt. `single` is a supervisor of one attempt, for pods and stock workers.
"""
