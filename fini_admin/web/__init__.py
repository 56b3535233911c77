"""Pages: the only layer that answers requests."""
