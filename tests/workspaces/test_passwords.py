"""How long a password may be, on every way on which somebody chooses one; how it is stored."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from fini_admin import settings as product
from fini_admin.workspaces.passwords import LEAST, MOST
from tests.support import people
from tests.support.log_ins import ADDRESS, text

LONG = "ы 🙂" * 43


def change(client, new: str):
    typed = {"oldpassword": people.PASSWORD, "password1": new, "password2": new}
    return client.post("/accounts/password/change/", typed)


@pytest.mark.parametrize(
    "password", ["twelve chars", "twelvechars!", "паролькоторый", "🙂 " * 10, LONG[:64], LONG[:MOST]]
)
def test_twelve_to_128_characters_of_any_kind_are_taken(password):
    validate_password(password)


@pytest.mark.parametrize("password", ["eleven char", "eleven    char", "", LONG[: MOST + 1]])
def test_fewer_and_more_are_refused_and_spaces_in_a_row_are_one(password):
    with pytest.raises(ValidationError) as found:
        validate_password(password)
    assert {error.code for error in found.value.error_list} <= {"password_too_short", "password_too_long"}


@pytest.mark.parametrize(("password", "says"), [("eleven char", LEAST), (LONG[: MOST + 1], MOST)])
def test_the_page_says_so_beside_the_field(client, ada, password, says):
    client.force_login(ada)
    answer = change(client, password)
    assert f"{says} characters." in str(answer.context["form"].errors["password1"])
    ada.refresh_from_db()
    assert ada.check_password(people.PASSWORD)


def test_every_character_counts(client, ada):
    client.force_login(ada)
    assert change(client, LONG[:MOST]).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(LONG[:MOST])
    assert not ada.check_password(LONG[: MOST - 1])


def test_no_kind_of_character_is_asked_for_and_an_old_password_may_come_again(client, ada):
    client.force_login(ada)
    assert change(client, "nothing but small letters").status_code == 302
    typed = {"oldpassword": "nothing but small letters"} | dict.fromkeys(
        ("password1", "password2"), people.PASSWORD
    )
    assert client.post("/accounts/password/change/", typed).status_code == 302


def test_who_has_a_short_password_from_before_still_logs_in(client, ada):
    ada.set_password("eight ch")
    ada.save()
    typed = {"login": ADDRESS, "password": "eight ch"}
    assert client.post("/accounts/login/", typed).status_code == 302


def test_the_product_hashes_as_many_times_as_asked():
    assert not hasattr(product, "PASSWORD_HASHERS")  # Django's own, of which this is the first
    assert PBKDF2PasswordHasher.algorithm == "pbkdf2_sha256"
    assert PBKDF2PasswordHasher.iterations >= 310_000


def test_the_rule_is_said_before_somebody_types(client, ada):
    client.force_login(ada)
    assert f"{LEAST} to {MOST} characters" in text(client.get("/accounts/password/change/"))
