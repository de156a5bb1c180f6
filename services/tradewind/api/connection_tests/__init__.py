"""Connections that people want tested before they rely on them (`core.test_connection = Enabled`).

Hooks are authors' code, which does not run here. A test is a row with the connection, encrypted; DAG processors take
it over `/execution` (`handing_over`), let the hook try in a child process, and answer. A broadcast says that there is
one; who missed it looks every few seconds. Who asked (`routes`) gets a token to ask for the answer with. A test ends
within ten minutes, or a minute and a half after it was taken, whatever becomes of those who should run it.
"""
