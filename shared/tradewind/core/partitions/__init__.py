"""Partitions: how the partition keys of asset events become the partition keys of runs.

A *mapper* turns the key of an event into the key or keys of the runs that it counts for. A *rollup* mapper also says
which keys one run waits for: a *window* of them, and a *wait policy* tells how many must be there. Everything is a
frozen value made from its JSON form, which a DAG's spec holds; `mapper_of` is the way in.
"""
