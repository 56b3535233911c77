"""Saved searches of the audit trail: a person's own, and those that are shared with everybody in the workspace."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.workspaces.models import SavedSearch, User, Workspace

MOST = 100


def visible(workspace: Workspace, user: User) -> QuerySet[SavedSearch]:
    """The person's own searches and the shared ones, by name."""
    found = SavedSearch.objects.filter(Q(owner=user) | Q(shared=True), workspace=workspace)
    return found.select_related("owner").order_by("name", "pk")


def visible_on(workspace: Workspace, user: User, page: str) -> list[SavedSearch]:
    """Those of one page."""
    return list(visible(workspace, user).filter(page=page)[:MOST])


@transaction.atomic
def save(
    *, by: By, workspace: Workspace, owner: User, page: str, name: str, query: str, shared: bool
) -> SavedSearch:
    """Save a search, or write it anew under a name that the person uses already. Sharing one is activity."""
    mine = SavedSearch.objects.filter(workspace=workspace, owner=owner)
    before = mine.filter(name=name).first()
    if before is None and mine.count() >= MOST:
        raise ValidationError({"name": f"You have {MOST} searches here. Remove one first."})
    values = {"page": page, "query": query, "shared": shared}
    saved, _ = mine.update_or_create(workspace=workspace, owner=owner, name=name, defaults=values)
    if shared or (before and before.shared):
        _record(by, saved, Activity.SEARCH_SHARED if shared else Activity.SEARCH_WITHDRAWN)
    return saved


@transaction.atomic
def remove(*, by: By, search: SavedSearch) -> None:
    """Remove a saved search. Safe to repeat."""
    gone, _ = search.delete()
    if gone and search.shared:
        _record(by, search, Activity.SEARCH_WITHDRAWN)


def _record(by: By, search: SavedSearch, kind: Activity) -> None:
    detail: dict[str, object] = {"name": search.name, "page": search.page, "query": search.query}
    chain.record(chain=str(search.workspace_id), kind=kind, by=by, detail=detail)
