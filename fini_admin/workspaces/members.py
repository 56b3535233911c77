"""Add people, and give them a role in a workspace, change it and take it away.

Each write is one transaction with its audit entry inside, and raises ValidationError on bad input.
"""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.workspaces import queries, validators
from fini_admin.workspaces.models import Membership, Role, User, Workspace
from fini_admin.workspaces.workspaces import lock_installation, lock_workspace, record_activity

LAST_ADMIN = "This is the workspace's last admin. Make somebody else an admin first."


@sensitive_variables("password")
def add_user(*, by: By, email: str, password: str, name: str = "", superuser: bool = False) -> User:
    """Add a person, who can log in at once. A known address is refused: add that person as a member instead."""
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
    """Add a person and make them a member, in one transaction."""
    with transaction.atomic():
        lock_installation()
        user = add_user(by=by, email=email, password=password, name=name)
        return add_member(by=by, workspace=workspace, user=user, role=role)


@transaction.atomic
def add_member(*, by: By, workspace: Workspace, user: User, role: str) -> Membership:
    """Give a person a role in a workspace, in place of one they have there."""
    check_role(role)
    lock_workspace(workspace)
    membership, added = Membership.objects.get_or_create(
        user=user, workspace=workspace, defaults={"role": role}
    )
    if added:
        record_activity(workspace, Activity.MEMBER_ADDED, by, email=user.email, role=role)
        return membership
    return change_role(by=by, membership=membership, role=role)


@transaction.atomic
def change_role(*, by: By, membership: Membership, role: str) -> Membership:
    """Change a member's role. The last admin's cannot be changed."""
    check_role(role)
    workspace = lock_workspace(membership.workspace)
    member = queries.members(workspace).filter(pk=membership.pk).first()
    if member is None:
        raise ValidationError("This person is no longer a member.")
    was = member.role
    if was == role:
        return member
    _keep_an_admin(member)
    member.role = role
    member.save(update_fields=["role"])
    record_activity(workspace, Activity.MEMBER_CHANGED, by, email=member.user.email, role=role, was=was)
    return member


@transaction.atomic
def remove_member(*, by: By, membership: Membership) -> None:
    """End a membership; the person stays. The last admin cannot be removed. Safe to repeat."""
    workspace = lock_workspace(membership.workspace)
    member = queries.members(workspace).filter(pk=membership.pk).first()
    if member is None:
        return
    _keep_an_admin(member)
    member.delete()
    record_activity(workspace, Activity.MEMBER_REMOVED, by, email=member.user.email, was=member.role)


def check_role(role: str) -> None:
    """Raise ValidationError for a text that is no role."""
    if role not in Role.values:
        raise ValidationError({"role": f"A role is one of {', '.join(Role.values)}."})


def _keep_an_admin(member: Membership) -> None:
    """Raise when the workspace, whose lock is held, would be left without an admin who can log in."""
    if member.role == Role.ADMIN and not queries.admins(member.workspace).exclude(pk=member.pk).exists():
        raise ValidationError({"role": LAST_ADMIN})
