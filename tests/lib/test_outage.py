"""A fault in one does not stop the others; an outage concerns them all."""

import logging

import pytest
from django.db import OperationalError

from fini_admin.lib.keyring import UnknownKey
from fini_admin.lib.outage import contained

log = logging.getLogger("fini_admin.test")


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "level", "said"),
    [
        (ValueError("odd"), "ERROR", "work in acme"),
        (UnknownKey("no such key"), "WARNING", "work in acme: no such key"),
    ],
)
def test_a_fault_is_logged_and_made_good(error, level, said, caplog):
    mended = []
    with contained(log, "work in %s", "acme", recover=lambda: mended.append("acme")):
        fail(error)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage(), mended) == (level, said, ["acme"])


def test_an_outage_is_raised_and_nothing_is_tried_then():
    mended = []
    with (
        pytest.raises(OperationalError),
        contained(log, "work in %s", "acme", recover=lambda: mended.append("acme")),
    ):
        fail(OperationalError())
    assert mended == []


def test_where_all_is_well_nothing_is_said(caplog):
    mended = []
    with contained(log, "work in %s", "acme", recover=lambda: mended.append("acme")):
        pass
    assert (caplog.records, mended) == ([], [])
