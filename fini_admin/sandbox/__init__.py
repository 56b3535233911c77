"""An emulated Fini: a process of its own that serves its API over a real socket."""
