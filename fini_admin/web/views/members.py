"""A workspace's members: add, change the role, remove; invitations: make, renew, withdraw; what each role may do."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from fini_admin.lib.paging import page as paged
from fini_admin.people import invitations
from fini_admin.people.models import Invitation
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.workspaces import MemberForm, MembershipForm, NewPersonForm, RoleForm
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording.permissions import PERMISSIONS_IN_WORDS
from fini_admin.workspaces import queries
from fini_admin.workspaces.members import add_member, add_new_member
from fini_admin.workspaces.models import Membership, Role
from fini_admin.workspaces.permissions import ALLOWED, Permission

FIRST_PASSWORD = "Type a first password to add the person at once, or take the name out to invite the person."  # noqa: S105


@dataclass(frozen=True, slots=True)
class MemberForms:
    """The forms of one member, as they were sent."""

    number: int
    role: RoleForm | None = None
    remove: MembershipForm | None = None


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation that was just created. The link is not in its repr."""

    invitation: Invitation
    link: str = field(repr=False)
    mailed: bool


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
@sensitive_post_parameters("password")
def index(request: WorkspaceRequest) -> HttpResponse:
    """The members. A POST adds one, or invites an address that nobody here has."""
    form = _add_form(request)
    if request.method == "POST" and form.is_valid():
        try:
            if _needs_invitation(form):
                return invite(request, email=form.cleaned_data["email"], role=form.cleaned_data["role"])
            member = _add_member(request, form)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"The role of {member.user.email} is now {member.role}.")
            return redirect_to(request, members_url(request))
    return _members_page(request, form=form)


def _add_form(request: WorkspaceRequest, *, bound: bool = True) -> MemberForm:
    """The form to add a member; a superuser's can also add a new person."""
    kind = NewPersonForm if request.user.is_superuser else MemberForm
    return kind(request.POST if bound and request.method == "POST" else None)


@sensitive_variables("data")
def _add_member(request: WorkspaceRequest, form: MemberForm) -> Membership:
    """Add the member; raises ValidationError."""
    data = form.cleaned_data
    who: dict[str, Any] = {"by": request.by, "workspace": request.workspace}
    person = queries.person(data["email"])
    if person is None:
        return add_new_member(**who, **data)
    member = queries.members(request.workspace).filter(user=person).first()
    if member and member.role != data["role"]:
        raise ValidationError(
            {"email": f"{person.email} has the role {member.role} already: change it in the list."}
        )
    return add_member(**who, user=person, role=data["role"])


@sensitive_variables("data")
def _needs_invitation(form: MemberForm) -> bool:
    """Whether the address belongs to nobody here and no first password was typed."""
    data = form.cleaned_data
    if queries.person(data["email"]) is not None or data.get("password"):
        return False
    if data.get("name"):
        raise ValidationError({"password": FIRST_PASSWORD})
    return True


@sensitive_variables("token", "link", "fresh")
def invite(request: WorkspaceRequest, *, email: str, role: str) -> HttpResponse:
    """Create an invitation and show its link, this once; raises ValidationError."""
    invitation, token = invitations.invite(by=request.by, workspace=request.workspace, email=email, role=role)
    link = request.build_absolute_uri(reverse("invitation_link", args=[token]))
    fresh = NewInvitation(invitation, link, mailed=invitations.send(invitation, link))
    answer = _members_page(request, form=_add_form(request, bound=False), fresh=fresh)
    add_never_cache_headers(answer)
    return answer


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def role(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Change a member's role."""
    member = get_object_or_404(queries.members(request.workspace), pk=number)
    if request.method != "POST":
        return redirect_to(request, members_url(request))
    form = RoleForm(request.POST, own=member.user_id == request.user.pk, auto_id=f"role-{number}_%s")
    if form.is_valid():
        try:
            member = invitations.change_membership(
                by=request.by,
                membership=member,
                role=form.cleaned_data["role"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"The role of {member.user.email} is now {member.role}.")
            return redirect_to(request, _next_url(request, member, still=member.role == Role.ADMIN))
    return _members_page(request, form=_add_form(request, bound=False), typed=MemberForms(number, role=form))


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def remove(request: WorkspaceRequest, number: int) -> HttpResponse:
    """End a membership; the page asked for a confirmation."""
    member = get_object_or_404(queries.members(request.workspace), pk=number)
    if request.method != "POST":
        return redirect_to(request, members_url(request))
    form = MembershipForm(request.POST, own=member.user_id == request.user.pk, auto_id=f"remove-{number}_%s")
    if form.is_valid():
        try:
            invitations.end_membership(by=request.by, membership=member)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request, f"{member.user.email} is no longer a member of {request.workspace.name}."
            )
            return redirect_to(request, _next_url(request, member, still=False))
    return _members_page(
        request, form=_add_form(request, bound=False), typed=MemberForms(number, remove=form)
    )


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def withdraw(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Make an invitation's link invalid."""
    found = _open_invitation(request, number)
    if request.method == "POST":
        invitations.withdraw(by=request.by, workspace=request.workspace, email=found.email)
        messages.success(request, f"The invitation of {found.email} is withdrawn; its link no longer works.")
    return redirect_to(request, members_url(request))


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def renew(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Replace an invitation's link, which was shown only once."""
    found = _open_invitation(request, number)
    if request.method != "POST":
        return redirect_to(request, members_url(request))
    return invite(request, email=found.email, role=found.role)


def _open_invitation(request: WorkspaceRequest, number: int) -> Invitation:
    """An open invitation of this workspace; else Http404."""
    found = invitations.open_in(request.workspace).filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def _next_url(request: WorkspaceRequest, member: Membership, *, still: bool) -> str:
    """The next page: home for a person who may no longer open this one."""
    own = member.user_id == request.user.pk
    return reverse("home") if own and not still and not request.user.is_superuser else members_url(request)


@sensitive_variables("fresh", "context")
def _members_page(
    request: WorkspaceRequest,
    *,
    form: MemberForm,
    typed: MemberForms | None = None,
    fresh: NewInvitation | None = None,
) -> HttpResponse:
    """The page with the forms as they were typed."""
    found = paged(queries.members(request.workspace), cursor=request.GET.get("after"))
    admins = list(queries.admins(request.workspace).values_list("pk", flat=True)[:2])
    context = {
        "form": form,
        "page": found,
        "rows": [_row(request, member, typed, last=admins == [member.pk]) for member in found.rows],
        "fresh": fresh,
        "valid_days": invitations.VALID_FOR.days,
        "invitations": list(invitations.open_in(request.workspace)) if found.first else [],
        "roles": list(Role),
        "may": [(words, [names <= ALLOWED[role] for role in Role]) for words, names in PERMISSIONS_IN_WORDS],
    }
    status = 422 if form.is_bound or typed else 200
    return render(request, "members/members.html", context, status=status)


def _row(
    request: WorkspaceRequest, member: Membership, typed: MemberForms | None, *, last: bool
) -> dict[str, object]:
    mine = typed if typed and typed.number == member.pk else MemberForms(member.pk)
    own = member.user_id == request.user.pk
    role = mine.role or RoleForm(own=own, initial={"role": member.role}, auto_id=f"role-{member.pk}_%s")
    remove = mine.remove or MembershipForm(own=own, auto_id=f"remove-{member.pk}_%s")
    return {
        "member": member,
        "own": own,
        "last": last,
        "role": role,
        "remove": remove,
        "open": bool(mine.role or mine.remove),
    }


def members_url(request: WorkspaceRequest) -> str:
    return reverse("members", args=[request.workspace.slug])
