"""Running one task by hand: what a person asks for, what stands against it, and what becomes of the run."""
