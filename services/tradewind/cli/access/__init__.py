"""How commands reach Tradewind: by its REST operations, always.

`api` is what commands work with, `asking` gives it to them with its options, `choosing` decides whose it is: `remote`,
an API somewhere, or `local`, the same application in this process over the database that this machine's settings name.
"""
