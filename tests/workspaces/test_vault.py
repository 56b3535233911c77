import copy
import pickle
import uuid

import pytest
from cryptography.exceptions import InvalidTag

from fini_admin.lib import keyring
from fini_admin.workspaces import vault
from fini_admin.workspaces.models import ApiKey
from tests.support import people

WORKSPACE, ROW = uuid.uuid4(), uuid.uuid4()
PLAIN = people.KEY


def sealed():
    return vault.seal(PLAIN, workspace=WORKSPACE, row=ROW)


def test_what_was_sealed_opens_for_its_row():
    assert vault.open_sealed(sealed(), workspace=WORKSPACE, row=ROW).reveal() == PLAIN


def test_any_text_comes_back_as_it_was():
    for text in ("fini_", "fini_é漢", "fini_" + "x" * 5000):
        assert (
            vault.open_sealed(
                vault.seal(text, workspace=WORKSPACE, row=ROW), workspace=WORKSPACE, row=ROW
            ).reveal()
            == text
        )


def test_the_same_text_is_sealed_differently_each_time():
    assert len({sealed()[4:] for _ in range(5)}) == 5


def test_what_is_stored_holds_nothing_of_the_text():
    assert PLAIN.encode() not in sealed()
    assert PLAIN[-4:].encode() not in sealed()


def test_the_encryption_keys_number_stands_in_front(settings):
    assert sealed()[:4] == keyring.key_number(settings.ENCRYPTION_KEYS[0])


def test_what_stands_in_databases_opens(settings):
    settings.ENCRYPTION_KEYS = [b"k" * 32]
    stored = "d09dedf2000102030405060708090a0be629251d3117e37971918eb714cbed323f54c49609a8626607fe6b"
    opened = vault.open_sealed(bytes.fromhex(stored), workspace=uuid.UUID(int=1), row=uuid.UUID(int=2))
    assert opened.reveal() == "fini_stored"


@pytest.mark.parametrize("place", ["workspace", "row"])
def test_it_opens_for_no_other_row_or_workspace(place):
    where = {"workspace": WORKSPACE, "row": ROW} | {place: uuid.uuid4()}
    with pytest.raises(vault.SealBroken):
        vault.open_sealed(sealed(), **where)


def test_two_swapped_rows_of_one_workspace_do_not_open(db):
    acme = people.workspace()
    one, two = people.key(acme, "one", "fini_first"), people.key(acme, "two", "fini_second")
    ApiKey.objects.filter(pk=one.pk).update(sealed=two.sealed)
    ApiKey.objects.filter(pk=two.pk).update(sealed=one.sealed)
    for key in ApiKey.objects.all():
        with pytest.raises(vault.SealBroken):
            vault.open_key(key)


def test_a_stored_key_opens(db):
    key = people.key(people.workspace())
    assert vault.open_key(ApiKey.objects.get(pk=key.pk)).reveal() == PLAIN


def test_every_changed_byte_is_found():
    whole = sealed()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises((vault.SealBroken, keyring.UnknownKey)) as found:
            vault.open_sealed(bytes(changed), workspace=WORKSPACE, row=ROW)
        assert "fini_" not in str(found.value)


@pytest.mark.parametrize("length", [0, 3, 4, 15, 16, 31])
def test_a_cut_seal_does_not_open(length):
    with pytest.raises((vault.SealBroken, keyring.UnknownKey)):
        vault.open_sealed(sealed()[:length], workspace=WORKSPACE, row=ROW)


def test_an_encryption_key_that_is_gone_is_named_as_the_cause(settings):
    whole = sealed()
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    with pytest.raises(keyring.UnknownKey, match="ENCRYPTION_KEYS"):
        vault.open_sealed(whole, workspace=WORKSPACE, row=ROW)


def test_an_older_encryption_key_still_opens(settings):
    whole = sealed()
    settings.ENCRYPTION_KEYS = [b"n" * 32, *settings.ENCRYPTION_KEYS]
    assert vault.open_sealed(whole, workspace=WORKSPACE, row=ROW).reveal() == PLAIN
    assert sealed()[:4] == keyring.key_number(b"n" * 32)


def test_the_error_carries_no_cause_that_could_hold_the_text():
    with pytest.raises(vault.SealBroken) as found:
        vault.open_sealed(sealed(), workspace=WORKSPACE, row=uuid.uuid4())
    assert found.value.__suppress_context__
    assert isinstance(found.value.__context__, InvalidTag)


def test_a_secret_never_shows_itself():
    secret = vault.Secret(PLAIN)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>5}",
        f"{secret}",
        repr([secret]),
        repr(secret.reveal),
    ]
    assert all(PLAIN not in text for text in shown)
    assert str(secret) == "***"
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_copied_or_stored(store):
    with pytest.raises(TypeError, match="not copied or stored"):
        store(vault.Secret(PLAIN))
