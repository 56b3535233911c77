"""The saved searches of the audit trail: save one, remove one."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from fini_admin.lib.paging import whole_number
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.searches import SearchForm, read_search
from fini_admin.web.pages import MENU, redirect_to
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.workspaces import searches
from fini_admin.workspaces.models import SavedSearch, SearchedPage
from fini_admin.workspaces.permissions import Permission

PAGES = {entry.view: entry.text for entry in MENU}


@requires(Permission.SEARCHES_SAVE)
def index(request: WorkspaceRequest) -> HttpResponse:
    """A person's searches and the shared ones, and the form to save the one that the address names."""
    if request.POST.get("do") == "remove":
        return _remove(request)
    may_share = Permission.SEARCHES_SHARE in request.permissions
    if request.method == "POST":
        form = SearchForm(request.POST, may_share=may_share)
        if form.is_valid() and _saved(request, form):
            messages.success(request, f"The search “{form.cleaned_data['name']}” is saved.")
            return redirect_to(request, _address(request, **form.cleaned_data))
        return _page(request, form, status=422)
    told = {name: request.GET.get(name, "") for name in ("page", "query")}
    return _page(request, SearchForm(initial=told, may_share=may_share))


def _saved(request: WorkspaceRequest, form: SearchForm) -> bool:
    """Save; an error is told by the form."""
    values = {"shared": False} | form.cleaned_data
    try:
        searches.save(by=request.by, workspace=request.workspace, owner=request.user, **values)
    except ValidationError as error:
        add_errors(form, error)
        return False
    return True


def _remove(request: WorkspaceRequest) -> HttpResponse:
    """Remove one's own search, or as an admin a shared one."""
    seen = searches.visible(request.workspace, request.user)
    found = get_object_or_404(seen, pk=whole_number(request.POST.get("search")) or 0)
    if found.owner_id != request.user.pk:
        check_permissions(request, Permission.SEARCHES_SHARE)
    searches.remove(by=request.by, search=found)
    messages.success(request, f"The search “{found.name}” is removed.")
    return redirect_to(request, reverse("searches", args=[request.workspace.slug]))


def _page(request: WorkspaceRequest, form: SearchForm, *, status: int = 200) -> HttpResponse:
    may_share = Permission.SEARCHES_SHARE in request.permissions
    rows = [
        {
            "search": search,
            "url": _address(request, search.page, search.query),
            "page": PAGES[search.page],
            "may_remove": may_share or search.owner_id == request.user.pk,
        }
        for search in searches.visible(request.workspace, request.user)
        if _may_open(request, search)
    ]
    page, query = (str(form[name].value() or "") for name in ("page", "query"))
    saving = page in SearchedPage.values
    context = {
        "form": form,
        "rows": rows,
        "saving": saving,
        "conditions": [chip["said"] for chip in read_search(page, query).chips()] if saving else [],
    }
    return render(request, "searches.html", context, status=status)


def _may_open(request: WorkspaceRequest, search: SavedSearch) -> bool:
    return search.page == SearchedPage.CALLS or Permission.ACTIVITY_READ in request.permissions


def _address(request: WorkspaceRequest, page: str, query: str, **_: object) -> str:
    return f"{reverse(page, args=[request.workspace.slug])}{'?' if query else ''}{query}"
