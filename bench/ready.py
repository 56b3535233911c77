"""Sets Django up as the web process does, for a script of this folder; imported before anything of the product."""

from fini_admin import wsgi  # noqa: F401 - it is what sets it up
