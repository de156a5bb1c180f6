"""What the API asks about who may come in: users, API tokens, logins.

Each change that ends or narrows what somebody may do raises `identity_revision` in its own statement: processes that
remember who is who look at that number, and at nothing else, to learn that they must ask again.
"""
