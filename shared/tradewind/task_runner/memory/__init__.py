"""The memory limit of children: who takes more is killed, and is told how much it was."""
