"""Writes: each is one transaction with its audit entry inside. All raise ValidationError on bad input."""

from collections.abc import Mapping
from datetime import date, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit import chain
from fini_admin.audit.models import Head
from fini_admin.audit.names import Activity, By
from fini_admin.workspaces import preferences, queries, validators, vault
from fini_admin.workspaces.models import (
    ApiKey,
    KeyState,
    Membership,
    Role,
    User,
    Workspace,
    WorkspaceSettings,
)

# Four characters of a shorter key would be a good part of it.
SHOWN_FROM = 20
LABEL_TAKEN = "The workspace has a key with this label already."
PUBLIC_KEY = "Set ENCRYPTION_KEYS first: without it a key would be sealed with one that everybody knows."
KEY_IN_TEXT = "The {} holds the key itself. It belongs only in the key's own field."
KEY_ELSEWHERE = "Another workspace here holds this key. A key belongs to one: two would share its budget."
KEY_TWICE = (
    "The workspace holds this key already, as {}. Twice, it would stay in use after it was switched off."
)
LAST_ADMIN = "This is the workspace's last admin. Make somebody else an admin first."


@transaction.atomic
def create_workspace(*, by: By, slug: str, name: str) -> Workspace:
    """A new workspace and its chain in the audit trail."""
    workspace = Workspace(slug=validators.slug(slug), name=validators.plain_text("name", name))
    lock_installation()
    if Workspace.objects.filter(slug=workspace.slug).exists():
        raise ValidationError({"slug": f"There is a workspace {workspace.slug} already."})
    workspace.full_clean()
    workspace.save(force_insert=True)
    chain.start_chain(str(workspace.pk))
    detail = {"slug": workspace.slug, "name": workspace.name}
    record(workspace, Activity.WORKSPACE_CREATED, by, **detail)
    return workspace


@transaction.atomic
def rename_workspace(*, by: By, workspace: Workspace, name: str) -> None:
    """Another name for a workspace; its slug stays, for addresses and scripts rely on it."""
    workspace = lock_workspace(workspace)
    was, workspace.name = workspace.name, validators.plain_text("name", name)
    if workspace.name == was:
        return
    workspace.full_clean()
    workspace.save(update_fields=["name"])
    record(workspace, Activity.WORKSPACE_RENAMED, by, name=workspace.name, was=was)


@transaction.atomic
def archive_workspace(*, by: By, workspace: Workspace) -> None:
    """Out of everybody's sight; its work waits, and nothing of it goes. Asked for twice, it happens once."""
    workspace = lock_workspace(workspace)
    if workspace.archived_at:
        return
    workspace.archived_at = timezone.now()
    workspace.save(update_fields=["archived_at"])
    record(workspace, Activity.WORKSPACE_ARCHIVED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def restore_workspace(*, by: By, workspace: Workspace) -> None:
    """Back in the sight of its members; its work goes on. Asked for twice, it happens once."""
    workspace = lock_workspace(workspace)
    if not workspace.archived_at:
        return
    workspace.archived_at = None
    workspace.save(update_fields=["archived_at"])
    record(workspace, Activity.WORKSPACE_RESTORED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def change_settings(*, by: By, workspace: Workspace, values: Mapping[str, preferences.Value]) -> bool:
    """Set these, None for the default; whether any changed. The trail has those that did, before and after."""
    preferences.check(values)
    workspace = lock_workspace(workspace)
    row = WorkspaceSettings.objects.filter(workspace=workspace).first() or WorkspaceSettings(
        workspace=workspace
    )
    held = preferences.own(row)
    after = {name: value for name, value in values.items() if value != held[name]}
    if not after:
        return False
    preferences.put(row, after)
    row.save()
    before = {name: held[name] for name in after}
    record(workspace, Activity.SETTINGS_CHANGED, by, before=before, after=after)
    return True


@sensitive_variables("password")
def add_user(*, by: By, email: str, password: str, name: str = "", superuser: bool = False) -> User:
    """A new person who can log in at once; a known address is refused (give that person a membership)."""
    address = validators.email_address(email)
    if User.objects.filter(email=address).exists():
        raise ValidationError({"email": f"{address} is known already."})
    user = User(
        email=address, name=validators.plain_text("name", name) if name else "", is_superuser=superuser
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    user.set_password(password)
    user.full_clean()
    detail: dict[str, object] = {"email": address, "superuser": superuser}
    # No decorator: in an error report its frame would show this function's arguments.
    with transaction.atomic():
        user.save()
        # Whoever adds a person vouches for the address: without this row allauth would ask for proof first.
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
        chain.record(chain=chain.INSTALLATION, kind=Activity.USER_ADDED, by=by, detail=detail)
    return user


@sensitive_variables("password")
def add_new_member(
    *, by: By, workspace: Workspace, email: str, name: str, password: str, role: str
) -> Membership:
    """A person whom nobody here knew, with a role in a workspace: both or neither."""
    with transaction.atomic():
        lock_installation()
        user = add_user(by=by, email=email, password=password, name=name)
        return add_member(by=by, workspace=workspace, user=user, role=role)


@transaction.atomic
def add_member(*, by: By, workspace: Workspace, user: User, role: str) -> Membership:
    """Give a person a role in a workspace; whoever has another one there changes to it."""
    check_role(role)
    lock_workspace(workspace)
    membership, added = Membership.objects.get_or_create(
        user=user, workspace=workspace, defaults={"role": role}
    )
    if added:
        record(workspace, Activity.MEMBER_ADDED, by, email=user.email, role=role)
        return membership
    return change_role(by=by, membership=membership, role=role)


@transaction.atomic
def change_role(*, by: By, membership: Membership, role: str) -> Membership:
    """Another role for a member. The last admin stays one."""
    check_role(role)
    workspace = lock_workspace(membership.workspace)
    member = queries.members(workspace).filter(pk=membership.pk).first()
    if member is None:
        raise ValidationError("This person is no longer a member.")
    was = member.role
    if was == role:
        return member
    keep_an_admin(member)
    member.role = role
    member.save(update_fields=["role"])
    record(workspace, Activity.MEMBER_CHANGED, by, email=member.user.email, role=role, was=was)
    return member


@transaction.atomic
def remove_member(*, by: By, membership: Membership) -> None:
    """End a membership; the person stays. The last admin cannot go. Asked for twice, it happens once."""
    workspace = lock_workspace(membership.workspace)
    member = queries.members(workspace).filter(pk=membership.pk).first()
    if member is None:
        return
    keep_an_admin(member)
    member.delete()
    record(workspace, Activity.MEMBER_REMOVED, by, email=member.user.email, was=member.role)


@sensitive_variables("plain")
def key_to_seal(plain: str) -> str:
    """A typed key as it is kept, if there is an encryption key that only this installation knows."""
    if settings.ENCRYPTION_KEY_IS_PUBLIC:
        raise ValidationError({"key": PUBLIC_KEY})
    return validators.key_text(plain)


@sensitive_variables("plain", "text", "words", "typed")
def add_key(
    *,
    by: By,
    workspace: Workspace,
    label: str,
    plain: str,
    purpose: str = "",
    owner: str = "",
    expires_on: date | None = None,
) -> ApiKey:
    """Seal a key of a workspace. The workspace's first is live at once, a later one waits (design 5).

    It belongs to whoever adds it, unless `owner` names somebody else.
    """
    text = key_to_seal(plain)
    words = {"label": label, "purpose": purpose, "owner": owner.strip() or by.actor}
    for name, typed in words.items():
        if text in typed:
            raise ValidationError({name: KEY_IN_TEXT.format(name)})
    # No decorator: in an error report its frame would show this function's arguments.
    with transaction.atomic():
        lock_installation()
        lock_workspace(workspace)
        holder = queries.holder(text)
        if holder:
            here = holder.workspace_id == workspace.pk
            raise ValidationError({"key": KEY_TWICE.format(holder.label) if here else KEY_ELSEWHERE})
        first = not ApiKey.objects.filter(workspace=workspace).exists()
        key = ApiKey(workspace=workspace, created_by=by.actor, expires_on=expires_on, **words_of(**words))
        check_label(workspace, key.label)
        key.state = KeyState.LIVE if first else KeyState.WAITING
        key.last_four = text[-4:] if len(text) >= SHOWN_FROM else ""
        key.sealed = vault.seal(text, workspace=workspace.pk, row=key.pk)
        key.fingerprint = vault.fingerprints(text)[0]
        key.full_clean()
        key.save(force_insert=True)
        record_key(key, Activity.KEY_ADDED, by, **queries.facts(key))
    return key


@transaction.atomic
def describe_key(
    *,
    by: By,
    key: ApiKey,
    label: str,
    purpose: str = "",
    owner: str = "",
    expires_on: date | None = None,
) -> ApiKey:
    """Other words about a key; the trail has what changed, before and after. Its older rows keep the old label."""
    workspace = lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    words = words_of(label=label, purpose=purpose, owner=owner.strip() or key.created_by)
    after = {
        name: value
        for name, value in (words | {"expires_on": expires_on}).items()
        if value != getattr(key, name)
    }
    if not after:
        return key
    before = {name: getattr(key, name) for name in after}
    for name in words.keys() & after.keys():
        if vault.holds(words[name], key):
            raise ValidationError({name: KEY_IN_TEXT.format(name)})
    if "label" in after:
        check_label(workspace, words["label"])
    for name, value in after.items():
        setattr(key, name, value)
    key.full_clean()
    key.save(update_fields=list(after))
    record_key(key, Activity.KEY_CHANGED, by, before=as_json(before), after=as_json(after))
    return key


@transaction.atomic
def switch_key(*, by: By, key: ApiKey) -> ApiKey:
    """Calls go out with this key from now on. The one that was live is the fallback for a while, then it is off.

    Switching to the fallback takes a switch back: what was live in between waits, without an end.
    """
    workspace = lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    if key.state == KeyState.LIVE:
        return key
    refusal = queries.why_not_switch(key)
    if refusal:
        raise ValidationError(refusal)
    before = queries.live_key(workspace)
    detail = {"before": before.label if before else None, "before_key": str(before.pk) if before else None}
    if before:
        ready = timedelta(hours=preferences.preferences(workspace).fallback_hours)
        ends = None if key.fallback_until or before.refused_at else timezone.now() + ready
        before.state, before.fallback_until = KeyState.WAITING, ends
        before.save(update_fields=["state", "fallback_until"])
        detail["fallback_until"] = ends.isoformat(timespec="seconds") if ends else None
    key.state, key.fallback_until = KeyState.LIVE, None
    key.save(update_fields=["state", "fallback_until"])
    record_key(key, Activity.KEY_SWITCHED, by, state=key.state, was=KeyState.WAITING, **detail)
    return key


@transaction.atomic
def switch_off_key(*, by: By, key: ApiKey) -> ApiKey:
    """Off for good: its text is taken out of the database, its row stays. Asked for twice, it happens once."""
    lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    was = key.state
    if was == KeyState.OFF:
        return key
    key.state, key.sealed, key.fingerprint = KeyState.OFF, b"", None
    key.fallback_until = key.fallen_back_at = None
    key.save(update_fields=["state", "sealed", "fingerprint", "fallback_until", "fallen_back_at"])
    record_key(key, Activity.KEY_SWITCHED_OFF, by, state=key.state, was=was)
    return key


def record(workspace: Workspace, kind: Activity, by: By, /, **detail: object) -> None:
    """One activity in a workspace's chain."""
    chain.record(chain=str(workspace.pk), kind=kind, by=by, detail=detail)


def record_key(key: ApiKey, kind: Activity, by: By, /, **detail: object) -> None:
    """One activity about a key, which it names by ID and label."""
    record(key.workspace, kind, by, key=str(key.pk), label=key.label, **detail)


def lock_installation() -> None:
    """Taken before any workspace's lock by what must be unique in all of them: the same may come twice at once."""
    Head.objects.select_for_update().filter(chain=chain.INSTALLATION).first()


def lock_workspace(workspace: Workspace) -> Workspace:
    """The workspace, held until the transaction ends: whoever changes its keys or members waits here for the others.

    Not in the way of rows that only point at it: calls go on being recorded.
    """
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def check_role(role: str) -> None:
    """Raise for what is no role."""
    if role not in Role.values:
        raise ValidationError({"role": f"A role is one of {', '.join(Role.values)}."})


def keep_an_admin(member: Membership) -> None:
    """Raise when a workspace would be left without an admin who can log in. Under its lock."""
    if member.role == Role.ADMIN and not queries.admins(member.workspace).exclude(pk=member.pk).exists():
        raise ValidationError({"role": LAST_ADMIN})


def words_of(*, label: str, purpose: str, owner: str) -> dict[str, str]:
    """What is said of a key, as it is stored."""
    return {
        "label": validators.plain_text("label", label),
        "purpose": validators.plain_text("purpose", purpose) if purpose.strip() else "",
        "owner": validators.plain_text("owner", owner),
    }


def check_label(workspace: Workspace, label: str) -> None:
    """Raise when the workspace has a key with this label. Labels of keys that are off stay taken."""
    if ApiKey.objects.filter(workspace=workspace, label=label).exists():
        raise ValidationError({"label": LABEL_TAKEN})


def as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Values as JSON has them."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
