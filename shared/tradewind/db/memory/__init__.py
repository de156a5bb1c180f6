"""The store ports in memory, for the simulation and for tests: the same behaviour as on Postgres, from one suite."""
