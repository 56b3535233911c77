#!/usr/bin/env python
"""Fini Admin's command line: `manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line

from fini_admin.lib.redaction import RedactedStream, flush_output, print_unhandled

if __name__ == "__main__":
    sys.excepthook = print_unhandled
    if sys.stderr is not None:  # it may be closed
        sys.stderr = RedactedStream(sys.stderr)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fini_admin.settings")
    try:
        execute_from_command_line(sys.argv)
    finally:  # here an output that cannot be written still reaches print_unhandled
        flush_output()
