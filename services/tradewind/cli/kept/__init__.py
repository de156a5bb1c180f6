"""What is kept for DAGs: the groups `variables`, `connections` and `pools`.

The API shows no secrets, to nobody. A command that works on the database itself (`TRADEWIND__DATABASE__URL`) asks for
them where only its own process answers (`own_values`); one that asks an API elsewhere shows them masked, and says so.
"""
