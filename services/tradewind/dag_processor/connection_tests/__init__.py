"""Connections that people want tested: hooks are authors' code, and each test has a child process of its own."""
