"""The files that DAGs are defined in: their text as each version had it, and the wish to have one parsed again."""
