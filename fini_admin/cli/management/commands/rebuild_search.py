"""`manage.py rebuild_search`."""

from typing import Any

from fini_admin.cli import base as commands
from fini_admin.sources import search_index, search_texts


class Command(commands.Command):
    """Write the texts that searches look through anew, and their index."""

    help = (
        "Write the search text of every source and listed resource anew, in batches, then its index. Searches go on "
        "meanwhile. Needed only after the database was changed by hand, or the index could not be made before."
    )

    def handle(self, **_: Any) -> None:
        """Print how many rows were written."""
        self.stdout.write(f"{search_texts.rebuild():,} rows")
        if not search_index.is_installed():
            self.stderr.write(f"{search_index.ABSENT}: this database has none.")
