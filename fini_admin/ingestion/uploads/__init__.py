"""Files as people bring them, read into resources."""
