"""`tradewind db clean`, `export-archived`, `drop-archived`: what is old leaves the database while everything runs."""
