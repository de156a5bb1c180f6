"""`tradewind assets …`."""
