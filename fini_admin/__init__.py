"""Fini Admin: the dashboard over a Fini workspace's sources."""

__version__ = "0.1.0"
