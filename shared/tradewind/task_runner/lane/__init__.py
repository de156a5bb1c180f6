"""The async lane: coroutine tasks of a DAG file run side by side in one process, on one event loop.

In the process: `child.py` (the program), `execution.py` (one attempt), `output.py` (whose output it is), `outbox.py`,
`watchdog.py` (code that blocks the loop is named, then stopped). In the supervisor: `lane_child.py`. Between them:
`messages.py`.
"""
