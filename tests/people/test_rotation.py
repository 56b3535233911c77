"""A new encryption key takes over (P5)."""

import base64
import secrets

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from fini_admin.audit.models import Entry, Head
from fini_admin.audit.verify import ChainBroken, verify
from fini_admin.lib import keyring
from fini_admin.people import rotation, sealing
from fini_admin.workspaces.models import ApiKey
from fini_admin.workspaces.vault import SealBroken, open_key
from tests.support import people
from tests.support.who import by

NEW = secrets.token_bytes(32)
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def old(settings):
    return list(settings.ENCRYPTION_KEYS)


@pytest.fixture
def filled(db):
    """Two workspaces with keys, one person with a second factor, all sealed with the old key."""
    for n, slug in enumerate(("acme", "other")):
        workspace = people.workspace(slug, slug.title())
        for k in range(3):
            people.key(workspace, f"key {k}", f"fini_live_{n}{k}abcdefghijklmnopqrstuvwxyz")
    person = people.user()
    data = {"secret": sealing.seal(SECRET, user=person.pk)}
    return Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data=data)


@pytest.fixture
def with_new(settings, old, filled):
    settings.ENCRYPTION_KEYS = [NEW, *old]
    return filled


def rotate(**options):
    return rotation.rotate(by=by("ada"), told=options.pop("told", lambda _: None), **options)


def test_afterwards_the_new_key_alone_opens_everything_and_the_old_one_nothing(
    settings, old, with_new, capsys
):
    fingerprints = set(ApiKey.objects.values_list("fingerprint", flat=True))
    call_command("rotate_encryption")
    said = capsys.readouterr().out
    assert "API keys: 6 sealed with the newest key, 0 already were" in said
    assert "second factors: 1 sealed with the newest key" in said
    assert "The older keys open nothing: take them out of ENCRYPTION_KEYS." in said
    settings.ENCRYPTION_KEYS = [NEW]
    assert (
        open_key(ApiKey.objects.get(workspace__slug="other", label="key 1"))
        .reveal()
        .startswith("fini_live_11")
    )
    with_new.refresh_from_db()
    assert sealing.open_sealed(with_new.data["secret"], user=with_new.user_id) == SECRET
    assert not fingerprints & set(ApiKey.objects.values_list("fingerprint", flat=True))
    for head in Head.objects.all():
        assert verify(head.chain) == Head.objects.get(chain=head.chain).seq
    settings.ENCRYPTION_KEYS = old
    for key in ApiKey.objects.all():
        with pytest.raises(keyring.UnknownKey):
            open_key(key)


def test_a_second_time_there_is_nothing_to_do(with_new):
    rotate()
    assert [(result.renewed, result.already) for result in rotate()] == [(0, 6), (0, 1), (0, 3)]
    assert Entry.objects.filter(chain="-", kind="encryption.rotated").count() == 2


def test_interrupted_it_goes_on_where_it_was(old, with_new):
    class Stop(Exception):
        pass

    def stop(_):
        raise Stop

    with pytest.raises(Stop):
        rotate(batch=2, told=stop)
    assert rotation.opened_by(old)["API keys"] == 4
    assert all(open_key(key).reveal() for key in ApiKey.objects.all())
    assert rotate(batch=2)[0].renewed == 4
    assert set(rotation.opened_by(old).values()) == {0}


def test_what_does_not_open_stays_as_it_is_and_is_named(with_new):
    broken = ApiKey.objects.get(workspace__slug="acme", label="key 2")
    ApiKey.objects.filter(pk=broken.pk).update(sealed=bytes(broken.sealed)[:-1] + b"?")
    with pytest.raises(
        CommandError, match="1 stay as they were: api key key 2 of acme: a sealed key does not open"
    ):
        call_command("rotate_encryption")
    with pytest.raises(SealBroken):
        open_key(ApiKey.objects.get(pk=broken.pk))
    assert rotation.opened_by([NEW])["API keys"] == 5


def test_a_head_that_does_not_hold_is_not_signed_anew(with_new):
    Head.objects.filter(chain="-").update(seq=99)
    with pytest.raises(CommandError, match="the head does not hold"):
        call_command("rotate_encryption")
    with pytest.raises(ChainBroken):
        verify("-")


def test_a_rotation_says_nothing_of_what_it_sealed(with_new, capsys):
    call_command("rotate_encryption")
    captured = capsys.readouterr()
    details = [detail or "" for detail in Entry.objects.values_list("detail", flat=True)]
    told = captured.out + captured.err + "".join(details)
    assert "fini_live_" not in told
    assert SECRET not in told
    assert base64.b64encode(NEW).decode() not in told


def test_with_one_key_there_is_nothing_to_prove(filled, capsys):
    call_command("rotate_encryption")
    assert "There is one key." in capsys.readouterr().out
