"""Bringing content into Fini: previews, the queue, runs, and the engine that a worker runs."""
