"""Members and workspaces: who becomes what, and who stays."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from fini_admin.audit.names import Activity
from fini_admin.people.access import switch_off_user
from fini_admin.workspaces import queries
from fini_admin.workspaces.members import add_member, add_new_member, change_role, remove_member
from fini_admin.workspaces.models import Membership, User, Workspace
from fini_admin.workspaces.workspaces import rename_workspace
from tests.support import people
from tests.support.who import by

BY = by("ada@example.com", "browser")


def membership(workspace: Workspace, person: User) -> Membership:
    return Membership.objects.get(workspace=workspace, user=person)


def roles(workspace: Workspace) -> dict[str, str]:
    return dict(queries.members(workspace).values_list("user__email", "role"))


def test_a_role_changes_and_the_trail_says_what_it_was(acme):
    bob = people.member(acme, "viewer", "bob@example.com")
    for _ in range(2):
        change_role(by=BY, membership=membership(acme, bob), role="editor")
    assert roles(acme) == {"bob@example.com": "editor"}
    changed = [row for row in people.trail(acme) if row[0] == Activity.MEMBER_CHANGED]
    detail = {"email": "bob@example.com", "role": "editor", "was": "viewer"}
    assert changed == [("member.changed", "ada@example.com", detail)]


def test_a_member_is_removed_and_stays_a_person(acme):
    people.member(acme, "admin")
    bob = people.member(acme, "viewer", "bob@example.com")
    member = membership(acme, bob)
    for _ in range(2):
        remove_member(by=BY, membership=member)
    assert roles(acme) == {"admin@example.com": "admin"}
    assert User.objects.filter(email="bob@example.com", is_active=True).exists()
    removed = [row for row in people.trail(acme) if row[0] == Activity.MEMBER_REMOVED]
    assert removed == [("member.removed", "ada@example.com", {"email": "bob@example.com", "was": "viewer"})]


def demote(member: Membership) -> object:
    return change_role(by=BY, membership=member, role="viewer")


def add_again(member: Membership) -> object:
    return add_member(by=BY, workspace=member.workspace, user=member.user, role="editor")


def remove(member: Membership) -> object:
    return remove_member(by=BY, membership=member)


@pytest.mark.parametrize("act", [demote, add_again, remove])
def test_the_last_admin_stays_one(acme, other, act: Callable[[Membership], object]):
    people.member(acme, "editor")
    people.join(people.user("elsewhere@example.com"), other, "admin")
    ada = people.member(acme, "admin")
    before = people.trail(acme)
    with pytest.raises(ValidationError, match="last admin"):
        act(membership(acme, ada))
    assert roles(acme) == {"editor@example.com": "editor", "admin@example.com": "admin"}
    assert people.trail(acme) == before


def test_an_admin_who_is_switched_off_does_not_count(acme):
    gone, ada = people.member(acme, "admin", "gone@example.com"), people.member(acme, "admin")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    with pytest.raises(ValidationError, match="last admin"):
        demote(membership(acme, ada))


def test_one_of_two_admins_may_go(acme):
    people.member(acme, "admin")
    bob = people.member(acme, "admin", "bob@example.com")
    demote(membership(acme, bob))
    assert roles(acme) == {"admin@example.com": "admin", "bob@example.com": "viewer"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", [demote, remove])
def test_two_admins_who_demote_each_other_at_once_leave_one(act: Callable[[Membership], object]):
    acme = people.workspace()
    for name in ("ada", "bob"):
        people.member(acme, "admin", f"{name}@example.com")
    start, outcomes = threading.Barrier(2), []

    def run(member: Membership) -> None:
        start.wait()
        try:
            act(member)
            outcomes.append("done")
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[member]) for member in queries.members(acme)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    assert queries.admins(acme).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_", range(5))
def test_an_admin_switched_off_while_the_other_is_demoted_leaves_one_or_says_so(_: int):
    acme = people.workspace()
    ada, bob = (people.member(acme, "admin", f"{name}@example.com") for name in ("ada", "bob"))
    start, outcomes = threading.Barrier(2), []

    def demoted() -> str:
        try:
            demote(queries.members(acme).get(user=bob))
        except ValidationError:
            return "refused"
        return "demoted"

    def switched_off() -> str:
        said = switch_off_user(by=by("root@example.com"), user=ada)
        return "said" if said else "not said"

    def run(act: Callable[[], str]) -> None:
        start.wait()
        try:
            outcomes.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in (demoted, switched_off)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = (["demoted", "said"], 0) if "demoted" in outcomes else (["not said", "refused"], 1)
    assert (sorted(outcomes), queries.admins(acme).count()) == expected


def test_the_role_of_someone_removed_meanwhile_does_not_change(acme):
    people.member(acme, "admin")
    member = membership(acme, people.member(acme, "viewer"))
    remove_member(by=BY, membership=member)
    with pytest.raises(ValidationError, match="no longer a member"):
        change_role(by=BY, membership=member, role="admin")
    assert roles(acme) == {"admin@example.com": "admin"}


def test_an_unknown_role_changes_nothing(acme):
    bob = people.member(acme, "viewer")
    with pytest.raises(ValidationError, match="viewer, editor, admin"):
        change_role(by=BY, membership=membership(acme, bob), role="owner")
    assert roles(acme) == {"viewer@example.com": "viewer"}


def test_a_new_person_and_the_membership_come_together_or_not_at_all(acme):
    new: dict[str, Any] = {"workspace": acme, "email": "Bob@example.com", "name": "Bob"}
    for password, role in (("short", "viewer"), (people.PASSWORD, "owner")):
        with pytest.raises(ValidationError):
            add_new_member(by=BY, **new, password=password, role=role)
    assert not User.objects.exists()
    assert people.trail() == []
    member = add_new_member(by=BY, **new, password=people.PASSWORD, role="editor")
    assert (member.user.email, member.user.name, member.role) == ("bob@example.com", "Bob", "editor")
    assert [row[0] for row in people.trail()] == ["user.added"]
    assert people.trail(acme)[-1][0] == "member.added"


def test_a_workspace_is_renamed_and_keeps_its_slug(acme):
    for _ in range(2):
        rename_workspace(by=BY, workspace=acme, name=" Acme Ltd ")
    acme.refresh_from_db()
    assert (acme.name, acme.slug) == ("Acme Ltd", "acme")
    detail = {"name": "Acme Ltd", "was": "Acme Corporation"}
    assert people.trail(acme)[1:] == [("workspace.renamed", "ada@example.com", detail)]


@pytest.mark.parametrize("name", ["", "a\nb", "n" * 101, people.KEY])
def test_a_name_that_will_not_do_changes_nothing(acme, name):
    with pytest.raises(ValidationError) as found:
        rename_workspace(by=BY, workspace=acme, name=name)
    assert set(found.value.message_dict) == {"name"}
    acme.refresh_from_db()
    assert acme.name == "Acme Corporation"
    assert len(people.trail(acme)) == 1
