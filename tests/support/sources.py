"""Sources that nothing happened to."""

from datetime import UTC, datetime
from typing import Any

from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def bare(workspace: Workspace | None = None, **fields: Any) -> Source:
    """Saved where a workspace is given."""
    values: dict[str, Any] = {"fini_id": "id-a", "provider": "notion", "state": "usable", "state_since": NOW}
    source = Source(**values | {"first_seen": NOW, "last_seen": NOW} | fields)
    if workspace:
        source.workspace = workspace
        source.save()
    return source


def count_again(workspace: Workspace) -> None:
    """Count rows that a test made by itself, as what makes them in earnest does."""
    differences(workspace, mend=True)
