"""Keys typed into a form whose view asks who one is, where no script holds the form back (P5)."""

import pytest
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.web.forms.base import KEY_HERE, ONCE_MORE
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people, tables
from tests.support.challenge import asks, confirm, question
from tests.support.log_ins import later, log_in

__all__ = ["later"]

OTHER = "fini_Never4711SeenAgainXyz"
LOOKS_LIKE_KEY = "fini_PasswordOfAda4711Xyz"
KEYS = "/w/acme/keys/"


@pytest.fixture
def admin(acme: Workspace, client: Client, later) -> Client:
    """An admin who logged in too long ago, with a password that looks like a key."""
    user = people.member(acme, "admin", "ada@example.com")
    user.set_password(LOOKS_LIKE_KEY)
    user.save()
    log_in(client, password=LOOKS_LIKE_KEY)
    later(minutes=20)
    return client


def test_a_key_in_another_field_is_neither_carried_nor_saved_and_the_field_is_asked_for_again(
    admin: Client,
) -> None:
    typed = {"key": people.KEY, "label": f"main {OTHER}", "purpose": "nightly"}
    first = admin.post(KEYS, typed)
    form = question(first)
    assert form
    assert form.data()["again-missing"] == ["key", "label"]
    wrong = confirm(admin, first, password=OTHER)
    assert asks(wrong)
    answer = confirm(admin, wrong, password=LOOKS_LIKE_KEY)
    assert answer.status_code == 422
    assert dict(answer.context["form"].errors) == {"key": [ONCE_MORE], "label": [ONCE_MORE]}
    assert answer.context["form"]["purpose"].value() == "nightly"
    pages = "".join(one.content.decode() for one in (first, wrong, answer))
    assert not [key for key in (people.KEY, OTHER, LOOKS_LIKE_KEY) if key in pages]
    assert not ApiKey.objects.exists()
    again = admin.post(KEYS, typed)
    assert dict(again.context["form"].errors) == {"label": [KEY_HERE]}
    assert admin.post(KEYS, typed | {"label": "main"}).status_code == 303
    assert ApiKey.objects.get().label == "main"
    assert not [table for table, text in tables.texts() if OTHER in text]
    assert not Entry.objects.filter(detail__contains="key removed").exists()


def test_a_key_among_settings_and_members_is_refused_after_the_password(admin: Client) -> None:
    for path, field in (("settings", "mime_zendesk"), ("members", "email")):
        page = admin.get(f"/w/acme/{path}/")
        form = page.context["form"]
        name = field if field in form.fields else next(iter(form.fields))
        sent = {bound.html_name: bound.value() or "" for bound in form} | {name: f"a {OTHER}"}
        answer = admin.post(f"/w/acme/{path}/", sent)
        if asks(answer):
            answer = confirm(admin, answer, password=LOOKS_LIKE_KEY)
        assert answer.status_code == 422
        assert name in answer.context["form"].errors
        assert OTHER not in answer.content.decode()
    assert (
        not Entry.objects.filter(kind__in=("settings.changed", "member.added")).exclude(actor="test").exists()
    )
