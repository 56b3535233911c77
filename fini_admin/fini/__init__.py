"""Fini's API as Python: requests, answers, errors, providers. No Django, no network of its own."""
