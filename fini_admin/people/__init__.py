"""People: log-in, sessions, second factor, invitations."""
