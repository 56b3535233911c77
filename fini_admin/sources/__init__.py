"""The mirror: Fini's source records, their states and history, and what discovery listed."""
