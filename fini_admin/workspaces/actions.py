"""Writes: each is one transaction with its audit entry inside. All raise ValidationError on bad input."""

import re

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit import chain
from fini_admin.audit.names import Activity
from fini_admin.fini.secrets import looks_like_key
from fini_admin.workspaces import vault
from fini_admin.workspaces.models import ApiKey, KeyState, Membership, Role, User, Workspace

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
KEY_PREFIX = "fini_"
# Four characters of a shorter key would be a good part of it.
SHOWN_FROM = 20


@transaction.atomic
def create_workspace(*, actor: str, origin: str, slug: str, name: str) -> Workspace:
    """A new workspace and its chain in the audit trail."""
    if not SLUG.fullmatch(slug):
        raise ValidationError(
            {
                "slug": "A slug has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen."
            }
        )
    if Workspace.objects.filter(slug=slug).exists():
        raise ValidationError({"slug": f"There is a workspace {slug} already."})
    workspace = Workspace(slug=slug, name=plain_text("name", name))
    workspace.full_clean()
    workspace.save(force_insert=True)
    chain.start(str(workspace.pk))
    record(workspace, Activity.WORKSPACE_CREATED, actor, origin, slug=slug, name=workspace.name)
    return workspace


@sensitive_variables("password")
def add_user(
    *, actor: str, origin: str, email: str, password: str, name: str = "", superuser: bool = False
) -> User:
    """A new person who can log in at once; a known address is refused (give that person a membership)."""
    address = email_address(email)
    if User.objects.filter(email=address).exists():
        raise ValidationError({"email": f"{address} is known already."})
    user = User(email=address, name=plain_text("name", name) if name else "", is_superuser=superuser)
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
        chain.record(
            chain=chain.INSTALLATION, kind=Activity.USER_ADDED, actor=actor, origin=origin, detail=detail
        )
    return user


@transaction.atomic
def add_member(*, actor: str, origin: str, workspace: Workspace, user: User, role: str) -> Membership:
    """Give a person a role in a workspace; whoever has another one there changes to it."""
    if role not in Role.values:
        raise ValidationError({"role": f"A role is one of {', '.join(Role.values)}."})
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    membership, added = Membership.objects.get_or_create(
        user=user, workspace=workspace, defaults={"role": role}
    )
    if added:
        record(workspace, Activity.MEMBER_ADDED, actor, origin, email=user.email, role=role)
    elif membership.role != role:
        record(
            workspace,
            Activity.MEMBER_CHANGED,
            actor,
            origin,
            email=user.email,
            role=role,
            was=membership.role,
        )
        membership.role = role
        membership.save(update_fields=["role"])
    return membership


@sensitive_variables("plain", "text")
def add_key(*, actor: str, origin: str, workspace: Workspace, label: str, plain: str) -> ApiKey:
    """Seal a key of a workspace. The workspace's first is live at once, a later one waits (design 5)."""
    text = key_text(plain)
    if text in label:
        raise ValidationError(
            {"label": "The label holds the key itself. It belongs only in the key's own field."}
        )
    # No decorator: in an error report its frame would show this function's arguments.
    with transaction.atomic():
        # Two first keys at once: the second waits here and then finds the first.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        first = not ApiKey.objects.filter(workspace=workspace).exists()
        key = ApiKey(workspace=workspace, label=plain_text("label", label), created_by=actor)
        key.state = KeyState.LIVE if first else KeyState.WAITING
        key.last_four = text[-4:] if len(text) >= SHOWN_FROM else ""
        key.sealed = vault.seal(text, workspace=workspace.pk, row=key.pk)
        key.full_clean()
        key.save(force_insert=True)
        detail = {"key": str(key.pk), "label": key.label, "last_four": key.last_four, "state": key.state}
        record(workspace, Activity.KEY_ADDED, actor, origin, **detail)
    return key


def record(workspace: Workspace, kind: Activity, actor: str, origin: str, **detail: object) -> None:
    """One activity in a workspace's chain."""
    chain.record(chain=str(workspace.pk), kind=kind, actor=actor, origin=origin, detail=detail)


@sensitive_variables()
def key_text(plain: str) -> str:
    """A key as it is sent: any text that begins with `fini_` and has no white space (design 5)."""
    text = plain.strip()
    if not text.startswith(KEY_PREFIX):
        raise ValidationError({"key": f"A key begins with {KEY_PREFIX}."})
    if any(letter.isspace() for letter in text):
        raise ValidationError({"key": "A key has no white space in it."})
    return text


def email_address(typed: str) -> str:
    """An address in lower case, as it is stored and compared."""
    address = typed.strip().lower()
    refuse_key("email", address)
    try:
        validate_email(address)
    except ValidationError:
        raise ValidationError({"email": "Enter an e-mail address like ada@example.com."}) from None
    return address


def plain_text(field: str, typed: str) -> str:
    """A label or a name: something to read, on one line, and no key (P5)."""
    text = typed.strip()
    refuse_key(field, text)
    if not text or not text.isprintable():
        raise ValidationError({field: f"The {field} is one line of text and not empty."})
    return text


def refuse_key(field: str, text: str) -> None:
    """Raise when a text that will be shown looks like a key; the message does not repeat it."""
    if looks_like_key(text):
        raise ValidationError(
            {field: f"The {field} looks like an API key. A key belongs only in the key's own field."}
        )
