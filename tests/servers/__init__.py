"""Real servers for tests, benchmarks and end-to-end runs: Postgres, RabbitMQ and Redis as plain context managers.

Postgres comes from its wheel. RabbitMQ and Redis come from, in this order: an address in the environment, programs
already installed, Debian packages (as root), `docker compose`. When none of these works, `ServerUnavailable` says what
to do; nothing is ever skipped. Every server listens on loopback only, keeps its data in a temporary folder, and dies
with the process that started it, however that one ends.
"""
