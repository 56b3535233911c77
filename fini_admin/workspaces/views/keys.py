"""A workspace's keys: add, verify, switch, rename, switch off. A key is never shown again after it was typed (P5)."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from fini_admin.ingestion import verification
from fini_admin.ingestion.wakeup import wake
from fini_admin.pages import go, show
from fini_admin.permissions import Permission, WorkspaceRequest, reauthenticated, requires
from fini_admin.workspaces import actions, queries
from fini_admin.workspaces.forms import KeyForm, LabelForm, refuse
from fini_admin.workspaces.models import ApiKey, KeyState

# What a verification found, and what comes of it.
MAY = {
    "read write": "It may read and write.",
    "read": "It may read, may not write: registering and ingesting will be refused.",
    "write": "It may write, may not read: discovering, and following what was sent, will be refused.",
    "": "It may neither read nor write: every call will be refused.",
}
OTHER_SCOPES = "Make a key with the scopes read and write in Fini, add it here and switch to it."


@requires(Permission.KEYS_MANAGE)
@reauthenticated
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
        return actions.add_key(
            actor=request.user.email,
            origin="browser",
            workspace=request.workspace,
            label=form.cleaned_data["label"],
            plain=form.cleaned_data["key"],
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
    """Ask Fini whether it takes the key, and for what: the one place where a view calls Fini."""
    key = queries.key(request.workspace, key_id)
    if request.method == "POST" and key.state == KeyState.OFF:
        messages.error(request, f"The key {key.label} is off for good. Nothing was asked.")
    elif request.method == "POST":
        try:
            found = verification.verify(actor=request.user.email, origin="browser", key=key)
        except verification.FAILURES as error:
            messages.error(request, f"The key {key.label} is not verified. {verification.explained(error)}")
        else:
            say(request, key, found)
    return go(request, here(request))


def say(request: WorkspaceRequest, key: ApiKey, found: set[str]) -> None:
    """What a verification found."""
    if found == {"read", "write"}:
        messages.success(request, f"Fini takes the key {key.label}. {MAY['read write']}")
    else:
        may = MAY[" ".join(sorted(found))]
        messages.warning(request, f"Fini takes the key {key.label}. {may} {OTHER_SCOPES}")


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Let calls go out with this key from now on."""
    key = queries.key(request.workspace, key_id)
    if request.method == "POST":
        try:
            actions.switch_key(actor=request.user.email, origin="browser", key=key)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            wake(request.workspace.pk)
            messages.success(request, f"Calls go out with the key {key.label} from now on.")
    return go(request, here(request))


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def switch_off(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Switch a key off for good; the page asked before."""
    key = queries.key(request.workspace, key_id)
    if request.method == "POST":
        actions.switch_off_key(actor=request.user.email, origin="browser", key=key)
        messages.success(request, f"The key {key.label} is off. Revoke it in Fini too: Deploy → API Keys.")
    return go(request, here(request))


@requires(Permission.KEYS_MANAGE)
def rename(request: WorkspaceRequest, key_id: UUID) -> HttpResponse:
    """Another label for a key."""
    key = queries.key(request.workspace, key_id)
    if request.method != "POST":
        return go(request, here(request))
    form = labelling(key, request)
    if form.is_valid():
        try:
            actions.relabel_key(actor=request.user.email, origin="browser", key=key, **form.cleaned_data)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, f"The key {key.label} is now {form.cleaned_data['label']}.")
            return go(request, here(request))
    return page(request, form=KeyForm(), renaming={key.pk: form})


def page(
    request: WorkspaceRequest, *, form: KeyForm, renaming: dict[UUID, LabelForm] | None = None
) -> HttpResponse:
    """The page, with the forms as they were typed; a key's field comes back empty."""
    renaming = renaming or {}
    keys = list(queries.keys(request.workspace))
    on = [key for key in keys if key.state != KeyState.OFF]
    rows = [
        {
            "key": key,
            "scopes": scopes(key),
            "may": MAY.get(key.scopes, ""),
            "form": renaming.get(key.pk) or labelling(key),
            "others": len(on) > 1,
        }
        for key in on
    ]
    context: dict[str, object] = {
        "form": form,
        "rows": rows,
        "off": [key for key in keys if key.state == KeyState.OFF],
        "live": any(key.state == KeyState.LIVE for key in on),
        "renaming": bool(renaming),
    }
    status = 422 if form.is_bound or renaming else 200
    return show(request, "workspaces/keys.html", context, status=status)


def scopes(key: ApiKey) -> str:
    """What the last verification found, in words."""
    if not key.verified_at:
        return "not verified yet"
    return " and ".join(key.scopes.split()) or "none"


def labelling(key: ApiKey, request: WorkspaceRequest | None = None) -> LabelForm:
    """A key's rename form; its fields' IDs are its own."""
    return LabelForm(request.POST if request else None, initial={"label": key.label}, auto_id=f"{key.pk}_%s")


def here(request: WorkspaceRequest) -> str:
    """The keys' page."""
    return reverse("keys", args=[request.workspace.slug])
