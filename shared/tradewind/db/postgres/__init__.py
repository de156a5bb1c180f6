"""The store ports on Postgres: every method is one statement, or several in one transaction."""
