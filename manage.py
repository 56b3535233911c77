#!/usr/bin/env python
"""Fini Admin's command line: `manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line

from fini_admin.lib.redaction import print_unhandled

if __name__ == "__main__":
    sys.excepthook = print_unhandled
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fini_admin.settings")
    execute_from_command_line(sys.argv)
