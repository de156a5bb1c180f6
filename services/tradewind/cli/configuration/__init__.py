"""`tradewind config …`, and what is written of all settings: their catalogue and their page in the documentation."""
