"""What deferred tasks wait for, run many at a time in a triggerer."""
