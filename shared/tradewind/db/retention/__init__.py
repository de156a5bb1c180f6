"""What is old enough to go, and how it goes: page by page, each in a transaction of its own that waits for no row.

A row goes only with the conditions checked under its lock: what is listed may be needed by the time it is deleted."""
