"""A workspace's keys: add, verify, switch, edit, switch off. An added key is never shown again (P5)."""

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
from fini_admin.ingestion.runs.queries import running, worker_alive
from fini_admin.ingestion.wakeup import wake
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.workspaces import KeyDescriptionForm, KeyForm
from fini_admin.web.key_guard import as_typed
from fini_admin.web.pages import redirect_to, render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.sync_button import SyncButton
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
    """The keys; posted, a new one."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        key = _add_key(request, form)
        if key:
            now = "It is live" if key.state == KeyState.LIVE else "It waits to be switched to"
            messages.success(request, f"The key {key.label} is added. {now}; verify it next.")
            return redirect_to(request, _keys_url(request))
    return _keys_page(request, form=form)


def _add_key(request: WorkspaceRequest, form: KeyForm) -> ApiKey | None:
    """Add the key, or return the one that the same form added before; None with the errors on the form."""
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
            add_errors(form, error)
        return key


@requires(Permission.KEYS_MANAGE)
def verify(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Have a worker verify the key with Fini; the page follows it."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST" and key.state == KeyState.OFF:
        messages.error(request, f"The key {key.label} is off for good, so it was not verified.")
    elif request.method == "POST":
        verifications.ask(by=request.by, key=key)
    return redirect_to(request, _keys_url(request))


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Make this key the live one."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST":
        try:
            switch_key(by=request.by, key=key)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            wake()
            messages.success(request, f"Calls go out with the key {key.label} from now on.")
    return redirect_to(request, _keys_url(request))


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch_off(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Switch a key off for good; the page asked for a confirmation."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    if request.method == "POST":
        switch_off_key(by=request.by, key=key)
        messages.success(request, f"The key {key.label} is off. Revoke it in Fini too: Deploy → API Keys.")
    return redirect_to(request, _keys_url(request))


@requires(Permission.KEYS_MANAGE)
def edit(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Change a key's label, purpose, owner and expiry date."""
    key = get_object_or_404(queries.keys(request.workspace), pk=key_id)
    held = {name: getattr(key, name) for name in KeyDescriptionForm.base_fields}
    form = KeyDescriptionForm(request.POST if request.method == "POST" else None, initial=held)
    if request.method == "POST" and form.is_valid():
        try:
            key = describe_key(by=request.by, key=key, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"The label and notes of the key {key.label} are saved.")
            return redirect_to(request, _keys_url(request))
    status = 422 if form.is_bound else 200
    return render(request, "keys/edit.html", {"key": key, "form": form}, status=status)


def _keys_page(request: WorkspaceRequest, *, form: KeyForm) -> HttpResponse:
    """The page with the form as it was typed; the key's own field is empty."""
    keys = list(queries.keys(request.workspace))
    on = [key for key in keys if key.state != KeyState.OFF]
    reader = queries.read_key(request.workspace)
    asked = {one.key_id: one for one in verifications.of_workspace(request.workspace)}
    rows = [_row(key, asked.get(key.pk), reader=key == reader) | {"others": len(on) > 1} for key in on]
    context: dict[str, object] = {
        "form": form,
        "rows": rows,
        "off": [key for key in keys if key.state == KeyState.OFF],
        "verifying": any(row["verifying"] for row in rows),
        "live": any(key.state == KeyState.LIVE for key in on),
        "sync": SyncButton(request),
    }
    if request.GET.get("part") in ("calls", "breaks"):
        context |= _usage_context(request, keys)
    status = 422 if form.is_bound else 200
    return render_page(request, "keys/keys.html", context, parts=("list", "calls", "breaks"), status=status)


def _row(key: ApiKey, verification: Verification | None, *, reader: bool) -> dict[str, object]:
    """What the card of a key shows that is not off; `reader`: reads go out with it."""
    waits = verification is not None and verification.ended_at is None
    text, tone = wording.result_of_verification(key, verification, reader=reader)
    return {
        "key": key,
        "scopes": wording.scopes_in_words(key),
        "lacks": wording.lack_in_words(key),
        "belongs": wording.same_workspace_in_words(key),
        "reads": reader,
        "why_not": why_not_switch(key) if key.state == KeyState.WAITING else "",
        "verifying": (wording.VERIFYING if worker_alive() else wording.NOT_VERIFYING) if waits else "",
        "found": text,
        "tone": tone,
    }


def _usage_context(request: WorkspaceRequest, keys: list[ApiKey]) -> dict[str, object]:
    """How often each key was used lately and by whom; for `?key=`, also what would stop without it."""
    uses = usage.by_key(str(request.workspace.pk), timezone.now())
    pairs = [(key, uses.get(str(key.pk), usage.KeyUse())) for key in keys]
    asked = next((pair for pair in pairs if str(pair[0].pk) == request.GET.get("key")), None)
    busiest = max((use.calls[-1] for _, use in pairs), default=0)
    return {
        "uses": [
            (key, use, wording.use_bar(use, busiest))
            for key, use in pairs
            if key.state != KeyState.OFF or use.calls[-1]
        ],
        "asked": asked,
        "going": list(running(request.workspace)[:MOST_RUNS]) if asked else [],
    }


def _keys_url(request: WorkspaceRequest) -> str:
    return reverse("keys", args=[request.workspace.slug])
