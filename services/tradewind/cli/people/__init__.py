"""`tradewind users …` and `tradewind tokens …`."""
