"""The audit log, for those who may read it: what people asked to be changed, and how it ended."""
