"""How commands say things: rows in the format that was asked for, questions, progress, pictures."""
