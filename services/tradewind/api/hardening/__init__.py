"""What keeps browsers and clients from doing harm with what the API serves."""
