"""What Fini advises with a 429: how long to wait (T7)."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fini_admin.fini import errors, routes

LIST = routes.list_sources(limit=5)


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        (None, None),
        ("7", 7.0),
        ("7200", 7200.0),
        ("soon", None),
        ("9" * 400, 86_400.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_the_servers_advice_is_read(send, sandbox, header, advice):
    sandbox.fault(status=429, headers={} if header is None else {"Retry-After": header})
    error = send(LIST).error
    assert (type(error), error.retry_after) == (errors.Throttled, advice)


def test_advice_may_be_a_date(send, sandbox):
    until = datetime.now(UTC) + timedelta(seconds=120)
    sandbox.fault(status=429, headers={"Retry-After": format_datetime(until, usegmt=True)})
    advice = send(LIST).error.retry_after
    assert 110 < advice <= 120
