"""A child's output on its way to the log store."""
