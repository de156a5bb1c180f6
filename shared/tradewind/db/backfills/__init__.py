"""What the API asks and writes about backfills."""
