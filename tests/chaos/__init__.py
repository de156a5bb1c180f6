"""A running system, what breaks it, and what is asked of it afterwards: `python -m tests.chaos`."""
