"""Discover: a provider's tree of resources, and the preview of a selection."""

import hashlib
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.kinds import discovery, registrations
from fini_admin.ingestion.kinds.discovery import Discovery, DiscoveryNow
from fini_admin.ingestion.kinds.registrations import RegisterNotes
from fini_admin.ingestion.resource_rules import without_faults
from fini_admin.ingestion.runs import starting
from fini_admin.ingestion.runs.standstill import NO_KEY, NO_KEY_OPENS
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources import selection, tree
from fini_admin.sources.tree import Scope
from fini_admin.web import live
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.discover import RegisterChoiceForm, TreeFilters, opened_branches, selection_of
from fini_admin.web.forms.runs import OneTimeForm
from fini_admin.web.pages import redirect_to, render_page
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.views.previews import show_preview
from fini_admin.web.wording.refusals import INCOMPLETE
from fini_admin.workspaces.permissions import Permission

PAGE = "discover/discover.html"
NOTHING = "Nothing is selected. Tick a resource or a branch, or use “Select all”."


@requires(Permission.SOURCES_DISCOVER)
def index(request: WorkspaceRequest) -> HttpResponse:
    """Redirect to the provider that was discovered last."""
    return redirect("discover", request.workspace.slug, discovery.last_provider(request.workspace))


@requires(Permission.SOURCES_DISCOVER)
@large_body
def provider(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """A provider's tree. A POST starts a discovery, or previews the selection."""
    if provider not in PROVIDERS:
        raise Http404
    if request.method == "POST":
        starts = request.POST.get("do") == "discover"
        return _start_discovery(request, provider) if starts else _preview_selection(request, provider)
    found, filters, scope = _tree_of(request, provider, request.GET)
    part = PARTS.get(request.GET.get("part", "")) if request.htmx else None
    if part:
        return part(request, scope)
    now = discovery.discovery_now(found, scope)
    same = request.GET.get("seen") == _fingerprint(request, found, scope, now)
    if request.htmx and same and not request.GET.get("more"):
        return live.news(request, PAGE, {}, ()) if request.seen else HttpResponse(status=204)
    return render_page(request, PAGE, _page_context(request, found, scope, filters, now))


def _tree_of(
    request: WorkspaceRequest, provider: str, data: QueryDict
) -> tuple[Discovery, TreeFilters, Scope]:
    """What was discovered, the filters, and the part of the tree that they leave: all of it by an invalid filter."""
    found, filters = discovery.discovery_of(request.workspace, provider), TreeFilters(data)
    wanted = filters.values()
    only_new = wanted.get("show") == "new"
    scope = Scope(request.workspace, found.provider, found.number, wanted.get("search", ""), only_new)
    return found, filters, scope


def _fingerprint(request: WorkspaceRequest, found: Discovery, scope: Scope, now: DiscoveryNow) -> str:
    """A hash that changes whenever the page would look different, but for its times, which the page keeps right."""
    run = (found.run.number, found.run.state, found.again) if found.run else ()
    told = (now.version, scope.search, scope.new, run, now.waits, request.now.key)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _page_context(
    request: WorkspaceRequest,
    found: Discovery,
    scope: Scope,
    filters: TreeFilters,
    now: DiscoveryNow | None = None,
) -> dict[str, object]:
    data = request.POST if request.method == "POST" else request.GET
    what, todo = found.trouble()
    now = now or discovery.discovery_now(found, scope)
    return {
        "discovery": found,
        "providers": PROVIDERS.values(),
        "filters": filters,
        "scope": scope,
        "tree": tree.read(scope, opened_branches(data.get("open", ""), data.get("more", ""))),
        "opened": f"{data['open']}." if data.get("open") else "",
        "seen": _fingerprint(request, found, scope, now),
        "waits": now.waits,
        "about_key": now.waits in (NO_KEY, NO_KEY_OPENS),
        "what": what,
        "todo": todo,
        "token": starting.new_token(),
        "choice": RegisterChoiceForm(initial={"mime_type": now.mime_types[found.provider]}),
        "picked": selection_of(data),
    }


def _branch_rows(request: WorkspaceRequest, scope: Scope) -> HttpResponse:
    """The rows below one branch, for htmx."""
    keys = opened_branches(request.GET.get("branch", ""))
    branch = tree.branch_of(scope, next(iter(keys), 0))
    if branch is None:
        raise Http404
    context = {"level": tree.read_branch(scope, branch, keys[branch.pk]), "key": branch.pk, "scope": scope}
    return render(request, "discover/_level.html", context)


def _selected_leaves(request: WorkspaceRequest, scope: Scope) -> JsonResponse:
    """The leaves that a tick box or *Select all* selects: below the given branches, or everything shown.

    `listed` is the number of the run that listed them; each group has its branches and its leaves' keys. With `every`,
    leaves that the run did not list are included.
    """
    found = selection.leaf_groups(scope, selection_of(request.GET).branches, every="every" in request.GET)
    groups = [[".".join(map(str, group.branches)), ",".join(map(str, group.leaves))] for group in found]
    return JsonResponse({"listed": scope.listed, "groups": groups})


# The answers for htmx, by `part`.
PARTS: dict[str, Callable[[WorkspaceRequest, Scope], HttpResponse]] = {
    "level": _branch_rows,
    "leaves": _selected_leaves,
}


def _start_discovery(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Start a discovery; the token makes the same form sent twice one discovery."""
    form = OneTimeForm(request.POST)
    if form.is_valid():
        discovery.start_or_join(
            by=request.by, workspace=request.workspace, provider=provider, **form.cleaned_data
        )
    else:
        messages.warning(request, INCOMPLETE.format(button="Discover"))
    if not request.htmx or not form.is_valid():
        return redirect_to(request, f"{request.path}?{request.GET.urlencode()}")
    found, filters, scope = _tree_of(request, provider, request.POST)
    return render(request, f"{PAGE}#list", _page_context(request, found, scope, filters))


def _preview_selection(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Freeze the selection into a preview, or show what is wrong with it."""
    check_permissions(request, Permission.SOURCES_REGISTER)
    ingest = request.POST.get("do") == "ingest"
    if ingest:
        check_permissions(request, Permission.SOURCES_INGEST)
    found, filters, scope = _tree_of(request, provider, request.POST)
    keys = selection_of(request.POST)
    choice = RegisterChoiceForm(request.POST)
    if not choice.is_valid():
        return _show_errors(request, found, scope, filters, choice)
    selected = selection.select(scope, keys.leaves, keys.branches)
    listed, problems = selection.to_register(selected.resources, choice.cleaned_data["mime_type"])
    sendable, wrong_fields = without_faults(listed)
    problems += wrong_fields
    try:
        preview = registrations.freeze_register(
            workspace=request.workspace,
            provider=found.provider,
            resources=sendable,
            then_ingest=ingest,
            notes=RegisterNotes(problems=problems, notes=_notes(selected.unknown + keys.wrong)),
        )
    except CannotStart as error:
        choice.add_error(None, f"{error}: {problems[0][1]}" if problems else NOTHING)
        return _show_errors(request, found, scope, filters, choice)
    return show_preview(request, preview)


def _notes(unknown: int) -> list[str]:
    """A remark about selected keys that the tree does not have."""
    if not unknown:
        return []
    return [f"{unknown:,} of what was selected {'is' if unknown == 1 else 'are'} not in this tree any more."]


def _show_errors(
    request: WorkspaceRequest,
    found: Discovery,
    scope: Scope,
    filters: TreeFilters,
    choice: RegisterChoiceForm,
) -> HttpResponse:
    """The form's errors; the selection stays."""
    context: dict[str, object] = {"choice": choice}
    if request.htmx:
        return render(request, f"{PAGE}#choice", context, status=422)
    return render(request, PAGE, _page_context(request, found, scope, filters) | context, status=422)
