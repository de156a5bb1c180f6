"""What people keep for their DAGs: variables, connections and pools, changed one at a time or many at once.

*Rules* (`variables`, `connections`, `pools`) say what becomes of one of them; `planning` applies them to a whole
request, on values in clear and without touching anything; `writing` is the only place that reads and writes rows, and
that encrypts and decrypts. A secret that was shown masked and comes back masked is kept.
"""
