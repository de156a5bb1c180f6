"""Where children come from: a root process, a server per DAG file, and a fork of it per attempt."""
