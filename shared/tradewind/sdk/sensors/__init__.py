"""Tasks that wait until something holds."""
