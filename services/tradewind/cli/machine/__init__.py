"""What this machine and its services are: `tradewind info`, `version`, `jobs`, `providers`, `plugins`."""
