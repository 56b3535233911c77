"""Workspaces: members and roles, keys and the vault, preferences."""
