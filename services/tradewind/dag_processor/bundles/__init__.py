"""The content of bundles: a look at the folder makes a manifest, what of it is new goes to the store.

A DAG goes by a version of its bundle only if its last good parse read what that version holds. So the version is
stored first, with every file in it that is still to be parsed held back on the version before; then the parse is
written, and with it the DAG moves on. Runs are bound to their DAG's version when they are made.
"""
