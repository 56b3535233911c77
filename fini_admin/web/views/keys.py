"""A workspace's keys: add, verify, switch, edit, switch off. A key is never shown again after it was typed (P5)."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from fini_admin.audit import usage
from fini_admin.ingestion import verifications
from fini_admin.ingestion.models import Verification
from fini_admin.ingestion.queries import running, worker_alive
from fini_admin.ingestion.wakeup import wake
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import refuse
from fini_admin.web.forms.workspaces import KeyForm, KeyWordsForm
from fini_admin.web.key_guard import as_typed
from fini_admin.web.pages import go, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import keys as wording
from fini_admin.workspaces import queries
from fini_admin.workspaces.keys import add_key, describe_key, switch_key, switch_off_key, why_not_switch
from fini_admin.workspaces.models import ApiKey, KeyState
from fini_admin.workspaces.permissions import Permission

MOST_RUNS = 10


@requires(Permission.KEYS_MANAGE)
@reauthenticated
@as_typed("key")
@sensitive_post_parameters("key")
def index(request: WorkspaceRequest) -> HttpResponse:
    """The keys; posted, another one."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        key = add(request, form)
        if key:
            now = "It is live" if key.state == KeyState.LIVE else "It waits to be switched to"
            messages.success(request, f"The key {key.label} is added. {now}; verify it next.")
            return go(request, here(request))
    return page(request, form=form)


def add(request: WorkspaceRequest, form: KeyForm) -> ApiKey | None:
    """The key that the form brings, also when it brings it for the second time; None, and why on the form."""
    try:
        return add_key(
            by=request.by,
            workspace=request.workspace,
            plain=form.cleaned_data["key"],
            **{name: form.cleaned_data[name] for name in ("label", "purpose", "owner", "expires_on")},
        )
    except ValidationError as error:
        key = queries.same_key(
            request.workspace, label=form.cleaned_data["label"], plain=form.cleaned_data["key"]
        )
        if key is None:
            refuse(form, error)
        return key


@requires(Permission.KEYS_MANAGE)
def verify(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Have a worker ask Fini whether it takes the key, and for what; the page follows it."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST" and key.state == KeyState.OFF:
        messages.error(request, f"The key {key.label} is off for good. Nothing was asked.")
    elif request.method == "POST":
        verifications.ask(by=request.by, key=key)
    return go(request, here(request))


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Let calls go out with this key from now on."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST":
        try:
            switch_key(by=request.by, key=key)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            wake()
            messages.success(request, f"Calls go out with the key {key.label} from now on.")
    return go(request, here(request))


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch_off(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Switch a key off for good; the page asked before."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST":
        switch_off_key(by=request.by, key=key)
        messages.success(request, f"The key {key.label} is off. Revoke it in Fini too: Deploy → API Keys.")
    return go(request, here(request))


@requires(Permission.KEYS_MANAGE)
def edit(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """What is said of a key; posted, other words."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    held = {name: getattr(key, name) for name in KeyWordsForm.base_fields}
    form = KeyWordsForm(request.POST if request.method == "POST" else None, initial=held)
    if request.method == "POST" and form.is_valid():
        try:
            key = describe_key(by=request.by, key=key, **form.cleaned_data)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, f"What is said of the key {key.label} is saved.")
            return go(request, here(request))
    status = 422 if form.is_bound else 200
    return render(request, "keys/edit.html", {"key": key, "form": form}, status=status)


def page(request: WorkspaceRequest, *, form: KeyForm) -> HttpResponse:
    """The page, with the form as it was typed; the key's field comes back empty."""
    keys = list(queries.keys(request.workspace))
    on = [key for key in keys if key.state != KeyState.OFF]
    reader = queries.read_key(request.workspace)
    asked = {one.key_id: one for one in verifications.of_workspace(request.workspace)}
    rows = [row_of(key, asked.get(key.pk), reader=key == reader) | {"others": len(on) > 1} for key in on]
    context: dict[str, object] = {
        "form": form,
        "rows": rows,
        "off": [key for key in keys if key.state == KeyState.OFF],
        "verifying": any(row["verifying"] for row in rows),
        "live": any(key.state == KeyState.LIVE for key in on),
    }
    if request.GET.get("part") in ("calls", "breaks"):
        context |= used(request, keys)
    status = 422 if form.is_bound else 200
    return show(request, "keys/keys.html", context, parts=("list", "calls", "breaks"), status=status)


def row_of(key: ApiKey, verification: Verification | None, *, reader: bool) -> dict[str, object]:
    """A key that is not off, and what its card says of it; `reader`: reads go out with it."""
    waits = verification is not None and verification.ended_at is None
    text, tone = wording.found(key, verification, reader=reader)
    return {
        "key": key,
        "scopes": wording.scopes(key),
        "may": wording.MAY.get(key.scopes, ""),
        "belongs": wording.belongs(key),
        "reads": reader,
        "why_not": why_not_switch(key) if key.state == KeyState.WAITING else "",
        "verifying": (wording.VERIFYING if worker_alive() else wording.NO_WORKER) if waits else "",
        "found": text,
        "tone": tone,
    }


def used(request: WorkspaceRequest, keys: list[ApiKey]) -> dict[str, object]:
    """How much each key was used lately, by whom, and what a key is needed for that `?key=` names."""
    uses = usage.by_key(str(request.workspace.pk), timezone.now())
    pairs = [(key, uses.get(str(key.pk), usage.KeyUse())) for key in keys]
    asked = next((pair for pair in pairs if str(pair[0].pk) == request.GET.get("key")), None)
    return {
        "uses": [(key, use) for key, use in pairs if key.state != KeyState.OFF or use.calls[-1]],
        "asked": asked,
        "going": list(running(request.workspace)[:MOST_RUNS]) if asked else [],
    }


def here(request: WorkspaceRequest) -> str:
    """The keys' page."""
    return reverse("keys", args=[request.workspace.slug])
