"""What a caller may do: one table of what each operation needs, and one place that holds every request against it."""
