"""The sandbox: an emulated Fini, a process of its own that answers over a real socket."""
