"""What has changed, told to whoever listens: server-sent events, and those who wait for a run.

Every change of a state is noted in the transaction that makes it
(docs/adr/0039-changes-are-noted-where-rows-change.md). One reader in each process (`feed`) looks for new ones while
somebody listens, and hands them to all; who comes back with an id of before (`position`) is first given what it has
missed (`stream`). Nothing is kept in a process: an id holds in every process of the API, before and after a restart.
"""
