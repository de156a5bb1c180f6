"""Hooks of the standard provider."""
