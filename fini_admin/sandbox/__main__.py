"""Run the sandbox without Django: `python -m fini_admin.sandbox`."""

import sys

from fini_admin.sandbox.options import main

if __name__ == "__main__":
    sys.exit(main())
