import logging
import sys
import uuid

import pytest
from django.core import mail
from django.http import HttpRequest, QueryDict
from django.test import override_settings
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, technical_500_response

from fini_admin import keyring
from fini_admin.workspaces import actions, vault
from tests.support import people

WORKSPACE, ROW = uuid.uuid4(), uuid.uuid4()


def failed_with_a_secret_at_hand():
    """The exception's traceback has a frame that holds a secret, and one where the key stands as plain text."""
    secret = vault.Secret(people.SHORT_KEY)
    header = {"Authorization": f"Bearer {people.KEY}"}
    raise RuntimeError("the send failed", len(header), bool(secret))


def posting():
    request = HttpRequest()
    request.method = "POST"
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    request.POST = QueryDict(f"key={people.KEY}&label=main&note={people.KEY}")
    return request


def caught(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception:  # noqa: BLE001 - whatever it is, it is reported
        return sys.exc_info()
    raise AssertionError("nothing failed")


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_report_holds_no_key(settings, debug):
    settings.DEBUG = debug
    kind, error, traceback = caught(failed_with_a_secret_at_hand)
    reporter = ExceptionReporter(posting(), kind, error, traceback)
    for report in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "the send failed" in report
        assert people.KEY not in report
        assert people.SHORT_KEY not in report
    assert "[key removed]" in reporter.get_traceback_html()
    assert "***" in reporter.get_traceback_html()


def test_djangos_technical_page_holds_neither_key_nor_secrets_of_the_settings(settings):
    settings.DEBUG = True
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    settings.HUEY = {"dsn": "postgres://fini:hunter2@localhost/fini"}
    settings.FINI_PROXY = "http://me:hunter2@proxy.example"
    page = technical_500_response(posting(), *caught(failed_with_a_secret_at_hand)).content.decode()
    assert "ENCRYPTION_KEYS" in page
    for hidden in (people.KEY, people.SHORT_KEY, people.PRINTABLE.decode(), settings.SECRET_KEY, "hunter2"):
        assert hidden not in page


@pytest.mark.parametrize("debug", [True, False])
def test_the_vault_and_the_action_show_no_key_when_they_fail(db, settings, debug, monkeypatch):
    settings.DEBUG = debug
    settings.ENCRYPTION_KEYS = [people.PRINTABLE, *settings.ENCRYPTION_KEYS]
    acme = people.workspace()
    monkeypatch.setattr("fini_admin.keyring.derived", lambda key, purpose: 1 // 0)
    failed = caught(
        actions.add_key, actor="a", origin="b", workspace=acme, label="main", plain=people.SHORT_KEY
    )
    assert failed[0] is ZeroDivisionError
    page = ExceptionReporter(None, *failed).get_traceback_html()
    frames = page.split('<li class="frame')
    assert any("workspaces/vault.py" in frame for frame in frames)
    # This test's own frames hold the text of course.
    assert [frame for frame in frames if people.SHORT_KEY in frame and "test_reports.py" not in frame] == []
    assert people.PRINTABLE.decode() not in page


def test_an_unknown_encryption_key_shows_no_other(settings):
    sealed = vault.seal(people.KEY, workspace=WORKSPACE, row=ROW)
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    failed = caught(vault.open_sealed, sealed, workspace=WORKSPACE, row=ROW)
    assert people.PRINTABLE.decode() not in ExceptionReporter(None, *failed).get_traceback_html()


def test_looking_for_an_encryption_key_shows_none_of_them(settings):
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    page = ExceptionReporter(None, *caught(keyring.by_number, b"none")).get_traceback_html()
    assert "UnknownKey" in page
    assert people.PRINTABLE.decode() not in page


def test_the_mail_to_the_admins_holds_no_key():
    record = logging.makeLogRecord({"levelno": 40, "levelname": "ERROR", "msg": "failed"})
    record.request = posting()
    record.exc_info = caught(failed_with_a_secret_at_hand)
    with override_settings(ADMINS=[("Ada", "ada@example.com")]):
        AdminEmailHandler(include_html=True).emit(record)
    message = mail.outbox[0]
    assert isinstance(message, mail.EmailMultiAlternatives)
    assert "the send failed" in message.body
    for text in (message.subject, message.body, *(part[0] for part in message.alternatives)):
        assert people.KEY not in str(text)
