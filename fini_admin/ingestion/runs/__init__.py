"""Runs: started, cut into steps, steered; their items, how they stand, and when they are expected to end."""
