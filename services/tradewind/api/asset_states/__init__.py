"""What tasks and people keep for an asset, as people see and change it over REST."""
