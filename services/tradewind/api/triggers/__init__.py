"""Runs that somebody outside asks for: over REST, perhaps twice (`keyed`), and by webhooks (`deliveries`)."""
