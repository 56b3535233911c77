"""The audit trail: every call and every activity, in chains that prove themselves. The only way out to Fini."""
