"""`/auth`: logging in and out, users, API tokens."""
