"""What a preview is made of: its rows, what becomes of each ID, the calls, and their effort."""
