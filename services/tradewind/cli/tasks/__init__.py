"""`tradewind tasks …`."""
