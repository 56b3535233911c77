"""How each kind of run comes about: what is asked for, frozen for a preview, and started."""
