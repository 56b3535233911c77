"""Workspaces, people, members and keys are added: what is taken, what is refused, what the trail says."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from fini_admin.audit import chain
from fini_admin.audit.models import Entry, Head
from fini_admin.workspaces import queries
from fini_admin.workspaces.members import add_member, add_user
from fini_admin.workspaces.models import ApiKey, Membership, User, Workspace
from fini_admin.workspaces.workspaces import create_workspace
from tests.support import people
from tests.support.who import by

pytestmark = pytest.mark.django_db
BY = by("ada@example.com", "browser")


def test_a_workspace_starts_with_its_chain_and_says_who_made_it():
    workspace = create_workspace(by=BY, slug="acme", name=" Acme ")
    assert Workspace.objects.get().name == "Acme"
    assert people.trail(workspace) == [
        ("workspace.created", "ada@example.com", {"slug": "acme", "name": "Acme"})
    ]
    assert Head.objects.get(chain=str(workspace.pk)).seq == 1


@pytest.mark.parametrize("slug", ["", "-", "-acme", "Acme", "ac me", "acme_one", "é", "a" * 64, "acme\n"])
def test_a_slug_that_no_address_could_hold_is_refused(slug):
    with pytest.raises(ValidationError):
        create_workspace(by=BY, slug=slug, name="Acme")
    assert not Workspace.objects.exists()


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a" * 63])
def test_a_slug_of_letters_digits_and_hyphens_is_taken(slug):
    assert create_workspace(by=BY, slug=slug, name="Acme").slug == slug


def test_a_taken_slug_is_refused():
    people.workspace("acme")
    with pytest.raises(ValidationError, match="acme already"):
        create_workspace(by=BY, slug="acme", name="Other")
    assert Workspace.objects.count() == 1


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "n" * 101, people.KEY])
def test_a_workspace_name_is_one_line_and_no_key(name):
    with pytest.raises(ValidationError) as found:
        create_workspace(by=BY, slug="acme", name=name)
    assert people.KEY not in str(found.value)
    assert not Workspace.objects.exists()


def test_a_new_person_has_a_proven_address_in_lower_case():
    add_user(by=BY, email=" Bob@Example.COM ", password=people.PASSWORD, name="Bob")
    bob = User.objects.get()
    address = EmailAddress.objects.get()
    assert (bob.email, bob.name, bob.is_superuser) == ("bob@example.com", "Bob", False)
    assert (address.user, address.email, address.verified, address.primary) == (
        bob,
        "bob@example.com",
        True,
        True,
    )
    assert bob.check_password(people.PASSWORD)
    assert people.trail() == [
        ("user.added", "ada@example.com", {"email": "bob@example.com", "superuser": False})
    ]


@pytest.mark.parametrize(
    "password", ["", "short", "eleven char", "a" * 129, "123456789012", "qwertyqwerty", "bob@example.com"]
)
def test_a_weak_password_is_refused_and_nobody_is_made(password):
    with pytest.raises(ValidationError) as found:
        add_user(by=BY, email="bob@example.com", password=password)
    assert set(found.value.message_dict) == {"password"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "email", ["", "bob", "bob@", f"{people.KEY}@example.com", "b" * 250 + "@example.com"]
)
def test_an_address_that_is_none_is_refused(email):
    with pytest.raises(ValidationError):
        add_user(by=BY, email=email, password=people.PASSWORD)
    assert not User.objects.exists()


def test_a_known_address_is_refused_in_whatever_case():
    people.user("bob@example.com")
    with pytest.raises(ValidationError, match="known already"):
        add_user(by=BY, email="BOB@example.com", password="another long phrase")
    assert User.objects.get().check_password(people.PASSWORD)


def test_the_database_takes_no_address_in_upper_case():
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="Bob@example.com")


def test_a_member_is_added_once_and_changes_role():
    acme, bob = people.workspace(), people.user("bob@example.com")
    for role in ("viewer", "viewer", "admin"):
        add_member(by=BY, workspace=acme, user=bob, role=role)
    assert Membership.objects.get().role == "admin"
    assert people.trail(acme)[1:] == [
        ("member.added", "ada@example.com", {"email": "bob@example.com", "role": "viewer"}),
        ("member.changed", "ada@example.com", {"email": "bob@example.com", "role": "admin", "was": "viewer"}),
    ]


def test_an_unknown_role_is_refused():
    with pytest.raises(ValidationError, match="viewer, editor, admin"):
        add_member(by=BY, workspace=people.workspace(), user=people.user(), role="owner")
    assert not Membership.objects.exists()


def test_the_first_key_is_live_and_a_later_one_waits():
    acme, other = people.workspace(), people.workspace("other")
    keys = [
        people.key(acme, "main"),
        people.key(acme, "next", "fini_next"),
        people.key(other, "main", "fini_other"),
    ]
    assert [key.state for key in keys] == ["live", "waiting", "live"]
    assert queries.live_key(acme) == keys[0]
    assert queries.live_key(people.workspace("third")) is None


def test_a_key_after_one_that_is_off_still_waits():
    acme = people.workspace()
    people.key(acme, "main")
    ApiKey.objects.update(state="off")
    assert people.key(acme, "next", "fini_next").state == "waiting"


def test_the_database_allows_one_live_key():
    acme = people.workspace()
    people.key(acme, "main")
    people.key(acme, "next", "fini_next")
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.update(state="live")


def test_the_trail_says_which_key_was_added_and_not_the_key():
    acme = people.workspace()
    key = people.key(acme)
    kind, _, detail = people.trail(acme)[-1]
    assert kind == "key.added"
    named = {"key": str(key.pk), "label": "main", "last_four": "1234", "state": "live"}
    assert detail == named | {"purpose": "", "owner": "test", "expires_on": None}
    rows = Entry.objects.filter(chain__in=[str(acme.pk), chain.INSTALLATION]).values_list()
    assert people.KEY not in str(list(rows))


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("fini_x", ""),
        ("fini_" + "x" * 14, ""),
        ("fini_" + "x" * 15, "xxxx"),
        (" fini_a\n", ""),
    ],
)
def test_any_text_with_the_prefix_and_no_white_space_is_a_key(plain, shown):
    key = people.key(people.workspace(), plain=plain)
    assert key.last_four == shown
    assert (str(key), repr(key)) == ("main", "<ApiKey: main>")


@pytest.mark.parametrize(
    "plain", ["", "  ", "sk_abc", "FINI_abc", "xfini_abc", "fini_a b", "fini_a\tb", "fini_a\u00a0b", "fini_"]
)
def test_what_is_no_key_is_refused_without_being_repeated(plain):
    with pytest.raises(ValidationError) as found:
        people.key(people.workspace(), plain=plain)
    assert set(found.value.message_dict) == {"key"}
    assert not plain.strip() or plain.strip() not in str(found.value)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("label", ["", " ", "l" * 61, "fini_" + "a" * 16, f"our {people.KEY}", "a\nb"])
def test_a_label_is_one_line_and_no_key(label):
    with pytest.raises(ValidationError) as found:
        people.key(people.workspace(), label=label)
    assert set(found.value.message_dict) == {"label"}
    assert people.KEY not in str(found.value)


def test_a_label_that_holds_the_key_itself_is_refused_however_short_the_key_is():
    with pytest.raises(ValidationError, match="holds the key"):
        people.key(people.workspace(), label="our fini_abc", plain="fini_abc")
    assert not ApiKey.objects.exists()


def test_a_label_is_unique_in_its_workspace():
    acme = people.workspace()
    people.key(acme, "main")
    with pytest.raises(ValidationError, match="this label already"):
        people.key(acme, "main", "fini_next")
    assert ApiKey.objects.count() == 1


def test_what_fails_leaves_no_activity():
    acme = people.workspace()
    before = len(people.trail(acme))
    with pytest.raises(ValidationError):
        people.key(acme, plain="nothing")
    assert len(people.trail(acme)) == before
