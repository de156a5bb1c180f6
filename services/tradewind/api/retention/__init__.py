"""What is old goes: by itself where a retention is set (`sweep`), or by `tradewind db clean`; both by `cleaning`."""
