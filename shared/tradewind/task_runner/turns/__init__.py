"""The life of a forked child: one attempt, or, where processes are reused, several of its DAG file, one after another.

`child.py` is the loop, `traces.py` what an attempt may leave behind in its process and what is put back before the
next one.
"""
