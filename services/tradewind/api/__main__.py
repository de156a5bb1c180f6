"""`tradewind api-server`: the composition root of the API."""
