"""DAG bundles in the store: what a version consists of, and the contents of its files, each kept once."""
