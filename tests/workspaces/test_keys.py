"""What can be done with a workspace's keys."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from fini_admin.audit import chain
from fini_admin.audit.models import Entry
from fini_admin.lib.keyring import UnknownKey, only_keys
from fini_admin.workspaces import queries, vault
from fini_admin.workspaces.keys import add_key, describe_key, switch_key, switch_off_key
from fini_admin.workspaces.models import ApiKey, Workspace
from fini_admin.workspaces.workspaces import change_settings
from tests.support import people
from tests.support.who import by

BY = by("ada@example.com", "browser")
OTHER = "fini_live_zyxwvutsrqponmlkjihgfedcba9876"


@pytest.fixture
def keys(acme: Workspace) -> dict[str, ApiKey]:
    """A live key and one that waits."""
    return {"main": people.key(acme), "next": people.verified(people.key(acme, "next", OTHER))}


def states() -> dict[str, str]:
    return dict(ApiKey.objects.values_list("label", "state"))


def refuse(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(refused_at=datetime.now(UTC))


@pytest.mark.parametrize(
    "typed",
    [
        "{}",
        "  {}\n",
        "Bearer {}",
        "bearer   {} ",
        "Authorization: Bearer {}",
        "authorization:{}",
        '"{}"',
        "'{}'",
        "`{}`",
        "“{}”",
        '"Bearer {}"',
        "Bearer '{}'",
        " \u00a0{}\u200b",
        "\ufeff{}",
    ],
)
def test_what_a_key_was_copied_with_is_forgiven(acme, typed):
    key = people.key(acme, plain=typed.format(people.KEY))
    assert vault.open_key(key).reveal() == people.KEY
    assert key.last_four == "1234"


@pytest.mark.parametrize("plain", ['fini_abc"', "fini_bearer", "fini_'", "fini_Bearer-fini_x"])
def test_what_may_belong_to_a_key_is_left_to_it(acme, plain):
    assert vault.open_key(people.key(acme, plain=plain)).reveal() == plain


@pytest.mark.parametrize(
    "plain", ["fini_a\x00b", "fini_a\x1b", "fini_a\u200bb", '"fini_abc', "Bearer", '""', '"']
)
def test_what_nobody_could_send_is_refused(acme, plain):
    with pytest.raises(ValidationError) as found:
        people.key(acme, plain=plain)
    assert set(found.value.message_dict) == {"key"}
    assert not ApiKey.objects.exists()


def test_a_key_that_another_workspace_holds_is_refused_without_naming_it(acme, other):
    people.key(acme)
    with pytest.raises(ValidationError) as found:
        people.key(other, "ours", f" Bearer {people.KEY}")
    assert set(found.value.message_dict) == {"key"}
    assert not any(word in str(found.value) for word in ("acme", "Acme", people.KEY))
    assert ApiKey.objects.get().workspace == acme
    assert [row[0] for row in people.trail(other)] == ["workspace.created"]


def test_a_key_is_recognised_after_another_encryption_key_came_in_front(acme, other, settings):
    people.key(acme)
    settings.ENCRYPTION_KEYS = [b"n" * 32, *settings.ENCRYPTION_KEYS]
    with pytest.raises(ValidationError, match="Another workspace"):
        people.key(other)


def test_a_key_that_is_off_elsewhere_may_be_added(acme, other):
    switch_off_key(by=BY, key=people.key(acme))
    assert people.key(other).state == "live"


def test_a_fingerprint_is_keyed_and_tells_nothing_of_the_key(acme, settings):
    key = people.key(acme)
    first = vault.fingerprints(people.KEY)
    assert first == [key.fingerprint]
    with only_keys([b"n" * 32]):
        assert vault.fingerprints(people.KEY) != first
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    assert vault.fingerprints(people.KEY) != first
    assert people.KEY[-4:] not in str(key.fingerprint)


@pytest.mark.django_db(transaction=True)
def test_of_two_workspaces_that_add_one_key_at_once_one_gets_it():
    spaces = [people.workspace(f"space-{n}") for n in range(4)]
    start, outcomes = threading.Barrier(len(spaces)), []

    def add(workspace: Workspace) -> None:
        start.wait()
        try:
            people.key(workspace)
            outcomes.append("added")
        except ValidationError as error:
            outcomes.append(*error.message_dict)
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=[workspace]) for workspace in spaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "key", "key", "key"]
    assert ApiKey.objects.count() == 1


def test_a_switch_makes_the_other_key_wait_and_can_be_taken_back(acme, keys):
    switch_key(by=BY, key=keys["next"])
    assert states() == {"main": "waiting", "next": "live"}
    assert queries.live_key(acme) == keys["next"]
    until = ApiKey.objects.get(label="main").fallback_until
    assert until
    assert people.trail(acme)[-1] == (
        "key.switched",
        "ada@example.com",
        {
            "key": str(keys["next"].pk),
            "label": "next",
            "state": "live",
            "was": "waiting",
            "before": "main",
            "before_key": str(keys["main"].pk),
            "fallback_until": until.isoformat(timespec="seconds"),
        },
    )
    switch_key(by=BY, key=keys["main"])
    assert states() == {"main": "live", "next": "waiting"}


def test_the_fallback_stays_as_long_as_the_workspace_says(acme, keys):
    change_settings(by=BY, workspace=acme, values={"fallback_hours": 24})
    switch_key(by=BY, key=keys["next"])
    until = ApiKey.objects.get(label="main").fallback_until
    assert until
    assert timedelta(0) <= datetime.now(UTC) + timedelta(hours=24) - until < timedelta(minutes=5)


def test_a_switch_asked_for_twice_happens_once(acme, keys):
    for _ in range(2):
        switch_key(by=BY, key=keys["next"])
    assert states() == {"main": "waiting", "next": "live"}
    assert [row[0] for row in people.trail(acme)].count("key.switched") == 1


def test_a_refused_key_cannot_be_switched_to(acme, keys):
    refuse(keys["next"])
    before = people.trail(acme)
    with pytest.raises(ValidationError, match="Verify it"):
        switch_key(by=BY, key=keys["next"])
    assert states() == {"main": "live", "next": "waiting"}
    assert people.trail(acme) == before


def test_one_may_switch_away_from_a_refused_key(acme, keys):
    refuse(keys["main"])
    switch_key(by=BY, key=keys["next"])
    assert states() == {"main": "waiting", "next": "live"}


def test_a_key_that_is_off_stays_off_and_its_text_is_gone(acme, keys):
    switch_off_key(by=BY, key=keys["next"])
    with pytest.raises(ValidationError, match="off for good"):
        switch_key(by=BY, key=keys["next"])
    stored = ApiKey.objects.get(label="next")
    assert (stored.state, bytes(stored.sealed), stored.fingerprint) == ("off", b"", None)
    assert stored.last_four == "9876"
    with pytest.raises((vault.SealBroken, UnknownKey)):
        vault.open_key(stored)
    assert people.trail(acme)[-1] == (
        "key.switched_off",
        "ada@example.com",
        {"key": str(stored.pk), "label": "next", "state": "off", "was": "waiting"},
    )


def test_the_only_live_key_may_be_switched_off_and_the_next_one_waits(acme):
    switch_off_key(by=BY, key=people.key(acme))
    assert queries.live_key(acme) is None
    later = people.verified(people.key(acme, "later", OTHER))
    assert later.state == "waiting"
    switch_key(by=BY, key=later)
    assert queries.live_key(acme) == later
    assert people.trail(acme)[-1][2]["before"] is None


def test_a_key_switched_off_twice_is_recorded_once(acme, keys):
    for _ in range(2):
        switch_off_key(by=BY, key=keys["main"])
    assert [row[0] for row in people.trail(acme)].count("key.switched_off") == 1


def test_a_label_changes_and_the_trail_says_what_it_was(acme, keys):
    describe_key(by=BY, key=keys["main"], label=" Nightly ")
    assert states() == {"Nightly": "live", "next": "waiting"}
    detail: dict[str, Any] = {"before": {"label": "main"}, "after": {"label": "Nightly"}}
    detail |= {"key": str(keys["main"].pk), "label": "Nightly"}
    assert people.trail(acme)[-1] == ("key.changed", "ada@example.com", detail)
    describe_key(by=BY, key=keys["main"], label="Nightly")
    assert [row[0] for row in people.trail(acme)].count("key.changed") == 1


def test_purpose_owner_and_expiry_change_and_go_and_the_trail_has_only_what_changed(acme, keys):
    said: dict[str, Any] = {
        "purpose": "nightly import",
        "owner": "bo@example.com",
        "expires_on": date(2031, 2, 3),
    }
    describe_key(by=BY, key=keys["main"], label="main", **said)
    detail = people.trail(acme)[-1][2]
    assert detail["after"] == said | {"expires_on": "2031-02-03"}
    assert detail["before"] == {"purpose": "", "owner": "test", "expires_on": None}
    key = describe_key(by=BY, key=keys["main"], label="main", owner="bo@example.com")
    assert people.trail(acme)[-1][2]["after"] == {"purpose": "", "expires_on": None}
    assert describe_key(by=BY, key=key, label="main").owner == key.created_by


@pytest.mark.parametrize("field", ["purpose", "owner"])
@pytest.mark.parametrize("text", ["two\nlines", people.KEY, "my fini_short"])
def test_what_is_said_of_a_key_never_holds_one(acme, field, text):
    key = people.key(acme, plain="fini_short")
    before = people.trail(acme)
    typed: dict[str, Any] = {field: text}
    with pytest.raises(ValidationError) as found:
        describe_key(by=BY, key=key, label="main", **typed)
    assert set(found.value.message_dict) == {field}
    assert people.trail(acme) == before


@pytest.mark.parametrize("label", ["", "next", "l" * 61, "two\nlines", people.KEY, "my fini_short"])
def test_a_label_that_will_not_do_changes_nothing(acme, label):
    key = people.key(acme, plain="fini_short")
    people.key(acme, "next", OTHER)
    before = people.trail(acme)
    with pytest.raises(ValidationError) as found:
        describe_key(by=BY, key=key, label=label)
    assert set(found.value.message_dict) == {"label"}
    assert people.KEY not in str(found.value)
    assert set(states()) == {"main", "next"}
    assert people.trail(acme) == before


def test_no_row_of_the_trail_holds_a_key(acme, keys):
    describe_key(by=BY, key=keys["main"], label="first")
    switch_key(by=BY, key=keys["next"])
    switch_off_key(by=BY, key=keys["main"])
    rows = str(list(Entry.objects.filter(chain__in=[str(acme.pk), chain.INSTALLATION]).values_list()))
    assert not any(text in rows for text in (people.KEY, OTHER, str(keys["main"].fingerprint)))


def test_the_form_that_was_sent_twice_finds_what_it_added(acme, other):
    key = people.key(acme)
    same = {"label": " main ", "plain": f"Bearer {people.KEY}"}
    assert queries.same_key(acme, **same) == key
    assert queries.same_key(other, **same) is None
    assert queries.same_key(acme, label="next", plain=people.KEY) is None
    assert queries.same_key(acme, label="main", plain=OTHER) is None
    assert queries.same_key(acme, label="main", plain="nothing") is None


def test_no_key_is_sealed_with_an_encryption_key_that_everybody_knows(acme, settings) -> None:
    settings.ENCRYPTION_KEY_IS_PUBLIC = True
    with pytest.raises(ValidationError, match="Set ENCRYPTION_KEYS first"):
        add_key(by=BY, workspace=acme, label="new", plain="fini_abcdefghijklmnopqrst0000")
