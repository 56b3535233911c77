"""Checking a code: how many are tried, and what is typed as one."""

import pytest
from allauth.mfa.base.forms import AuthenticateForm
from django.test import Client

from tests.support.log_ins import log_in, signed_in, text

CODE = "/accounts/2fa/code/"


def test_codes_that_come_at_once_are_no_more_than_the_day_allows(client, enrolled, settings, monkeypatch):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"second_factor": "1/d/key"}
    other = Client()
    for browser in (client, other):
        log_in(browser)
    checked, answers = [], []
    check = AuthenticateForm.clean_code

    def while_another_is_checked(form):
        checked.append(form)
        if len(checked) == 1:
            answers.append(text(other.post(CODE, {"code": "111111"})))
        return check(form)

    monkeypatch.setattr(AuthenticateForm, "clean_code", while_another_is_checked)
    client.post(CODE, {"code": "000000"})
    assert "Too many failed login attempts" in answers[0]
    assert len(checked) == 1


def test_right_codes_are_not_counted(client, enrolled, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"second_factor": "1/d/key"}
    for one in enrolled[1][:3]:
        log_in(client)
        client.post(CODE, {"code": one})
        assert signed_in(client)
        client.post("/accounts/logout/")


@pytest.mark.filterwarnings("error::django.core.cache.CacheKeyWarning")
@pytest.mark.parametrize("typed", ["12\x0834\x1b56", "½ 345 678", "9" * 40])
def test_a_code_of_any_characters_is_refused_as_wrong(client, enrolled, typed):
    log_in(client)
    assert "This code is wrong" in text(client.post(CODE, {"code": typed}))
