"""What a provider holds, as a tree; what is picked in it goes on to a preview."""

import hashlib
import re
from datetime import UTC, datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion import discovery, preview_store, previews
from fini_admin.ingestion.discovery import Discovery
from fini_admin.ingestion.previews import RegisterNotes
from fini_admin.ingestion.queries import NO_KEY, NO_KEY_OPENS
from fini_admin.ingestion.resource_rules import without_faults
from fini_admin.ingestion.runs import NothingToDo
from fini_admin.sources import selection, tree
from fini_admin.sources.tree import Scope
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.discover import ToRegister, TreeFilters, opened, picked
from fini_admin.web.pages import go, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views.previews import offer
from fini_admin.workspaces.permissions import Permission
from fini_admin.workspaces.preferences import preferences

PAGE = "discover/discover.html"
TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)
NOTHING = "Nothing is selected. Tick a resource or a branch, or use “Select all”."


@requires(Permission.SOURCES_DISCOVER)
def index(request: WorkspaceRequest) -> HttpResponse:
    """To the provider that was discovered last."""
    return redirect("discover", request.workspace.slug, discovery.last_provider(request.workspace))


@requires(Permission.SOURCES_DISCOVER)
@large_body
def provider(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """A provider's tree; posted, a new discovery or what was picked."""
    if provider not in PROVIDERS:
        raise Http404
    typed = request.POST if request.method == "POST" else request.GET
    if request.method == "POST" and request.POST.get("do") == "discover":
        return start(request, provider)
    found = discovery.discovery_of(request.workspace, provider)
    filters = TreeFilters(typed)
    scope = scope_of(request, found, filters)
    if request.method == "POST":
        return choose(request, found, scope, filters)
    if request.htmx and request.GET.get("part") == "level":
        return level(request, scope)
    if request.htmx and request.GET.get("part") == "leaves":
        return leaves(request, scope)
    seen = fingerprint(found, scope)
    if request.htmx and request.GET.get("seen") == seen and not request.GET.get("more"):
        return HttpResponse(status=204)
    return show(request, PAGE, page(request, found, scope, filters, seen), parts=("tree",))


def scope_of(request: WorkspaceRequest, found: Discovery, filters: TreeFilters) -> Scope:
    """What the filters leave of the tree; a filter that cannot be understood leaves everything, and says so."""
    wanted = filters.values()
    only_new = wanted.get("show") == "new"
    return Scope(request.workspace, found.provider, found.number, wanted.get("search", ""), only_new)


def fingerprint(found: Discovery, scope: Scope) -> str:
    """Differs whenever the page would look otherwise; times are told by the minute."""
    run = (found.run.number, found.run.state, found.again) if found.run else ()
    minute = datetime.now(UTC).strftime("%H:%M")
    told = (tree.version(scope), scope.search, scope.new, run, found.waits(), minute)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def page(
    request: WorkspaceRequest, found: Discovery, scope: Scope, filters: TreeFilters, seen: str = ""
) -> dict[str, object]:
    """What the page shows."""
    data = request.POST if request.method == "POST" else request.GET
    what, todo = found.trouble()
    waits = found.waits()
    about_key = waits in (NO_KEY, NO_KEY_OPENS)
    manages = Permission.KEYS_MANAGE in request.permissions
    mime_types = preferences(request.workspace).mime_types
    return {
        "discovery": found,
        "providers": PROVIDERS.values(),
        "filters": filters,
        "scope": scope,
        "tree": tree.read(scope, opened(data.get("open", ""), data.get("more", ""))),
        "opened": f"{data['open']}." if data.get("open") else "",
        "seen": seen or fingerprint(found, scope),
        "waits": waits,
        "keys_url": reverse("keys", args=[request.workspace.slug]) if about_key and manages else "",
        "ask_admin": about_key and not manages,
        "what": what,
        "todo": todo,
        "token": preview_store.new_token(),
        "choice": ToRegister(initial={"mime_type": mime_types[found.provider]}),
        "picked": picked(data),
    }


def level(request: WorkspaceRequest, scope: Scope) -> HttpResponse:
    """What one branch holds."""
    keys = opened(request.GET.get("branch", ""))
    branch = tree.branch_of(scope, next(iter(keys), 0))
    if branch is None:
        raise Http404
    context = {"level": tree.read_branch(scope, branch, keys[branch.pk]), "key": branch.pk, "scope": scope}
    return render(request, "discover/_level.html", context)


def leaves(request: WorkspaceRequest, scope: Scope) -> JsonResponse:
    """The leaves that are meant by the branches asked for, or by everything shown: what a box or *Select all* selects.

    `listed` is the run whose list they are of; each group has the branches it stands in and its leaves' keys. With
    `every` those come too that this list leaves out.
    """
    found = selection.leaf_groups(scope, picked(request.GET).branches, every="every" in request.GET)
    groups = [[".".join(map(str, group.branches)), ",".join(map(str, group.leaves))] for group in found]
    return JsonResponse({"listed": scope.listed, "groups": groups})


def start(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Discover once more; the same form sent twice is one discovery."""
    token = request.POST.get("token", "")
    good = TOKEN.fullmatch(token)
    if good:
        discovery.start(
            by=request.by,
            workspace=request.workspace,
            provider=provider,
            token=token,
        )
    else:
        messages.warning(request, "The form came incomplete and nothing was started. Press Discover again.")
    if not request.htmx or not good:
        return go(request, f"{request.path}?{request.GET.urlencode()}")
    found, filters = discovery.discovery_of(request.workspace, provider), TreeFilters(request.POST)
    context = page(request, found, scope_of(request, found, filters), filters)
    return render(request, f"{PAGE}#tree", context)


def choose(request: WorkspaceRequest, found: Discovery, scope: Scope, filters: TreeFilters) -> HttpResponse:
    """What was picked, to its preview; what is wrong with it, beside the buttons."""
    keys = picked(request.POST)
    choice = ToRegister(request.POST)
    if not choice.is_valid():
        return refuse(request, found, scope, filters, choice)
    ingest = choice.cleaned_data["do"] == "ingest"
    if (
        not ({Permission.SOURCES_REGISTER} | ({Permission.SOURCES_INGEST} if ingest else set()))
        <= request.permissions
    ):
        raise PermissionDenied
    selected = selection.select(scope, keys.leaves, keys.branches)
    listed, problems = selection.to_register(selected.resources, choice.cleaned_data["mime_type"])
    sendable, wrong_fields = without_faults(listed)
    problems += wrong_fields
    try:
        preview = previews.freeze_register(
            actor=request.user.email,
            workspace=request.workspace,
            provider=found.provider,
            resources=sendable,
            then_ingest=ingest,
            notes=RegisterNotes(problems=problems, notes=notes(selected.unknown + keys.wrong)),
        )
    except NothingToDo as error:
        choice.add_error(None, f"{error}: {problems[0][1]}" if problems else NOTHING)
        return refuse(request, found, scope, filters, choice)
    return offer(request, preview)


def notes(unknown: int) -> list[str]:
    """What the preview says of keys that are none of this tree."""
    if not unknown:
        return []
    return [f"{unknown:,} of what was selected {'is' if unknown == 1 else 'are'} not in this tree any more."]


def refuse(
    request: WorkspaceRequest, found: Discovery, scope: Scope, filters: TreeFilters, choice: ToRegister
) -> HttpResponse:
    """What is wrong, beside the field or the buttons; what was picked stays."""
    context: dict[str, object] = {"choice": choice}
    if request.htmx:
        return render(request, f"{PAGE}#choice", context, status=422)
    return render(request, PAGE, page(request, found, scope, filters) | context, status=422)
