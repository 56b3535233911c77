"""What the audit trail says of calls, beside what a sandbox was asked."""

from collections import Counter

from fini_admin.audit.models import Entry
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox


def one_to_one(workspace: Workspace, sandbox: Sandbox) -> None:
    """Every request that came has its *asked* row, and every asked row its one outcome (P1)."""
    rows = Entry.objects.filter(chain=str(workspace.pk), kind__startswith="call.")
    asked = Counter(rows.filter(kind="call.asked").values_list("call", flat=True))
    assert asked == Counter(rows.exclude(kind="call.asked").values_list("call", flat=True))
    came = [entry["request_id"] for entry in sandbox.log()]
    assert len(set(came)) == len(came)
    assert set(came) <= set(asked)
    assert set(rows.filter(kind="call.answered").values_list("call", flat=True)) <= set(came)
