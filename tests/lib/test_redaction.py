import logging
import sys
import uuid
from typing import Any

import pytest
from django.core import mail
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory, override_settings
from django.utils.log import AdminEmailHandler
from django.views.debug import get_exception_reporter_class, technical_500_response

from fini_admin.lib import keyring
from fini_admin.lib.redaction import ErrorReport, LogFormatter
from fini_admin.workspaces import vault
from fini_admin.workspaces.keys import add_key
from tests.support import people
from tests.support.who import by

WORKSPACE, ROW = uuid.uuid4(), uuid.uuid4()
TOKEN = "T" * 43
SESSION = "5e55105e55105e55105e55105e55105e"
# What a report leaves of the key that cuts it, or breaks it into lines: that looks like none.
PIECES = (people.KEY[:14], people.KEY[-12:])


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


def asking():
    """A request that holds the key wherever one may hold anything, an invitation's token, and a session."""
    request = RequestFactory().post(
        f"/w/acme/sources/{people.KEY}/?q={people.KEY}&{people.KEY}=1",
        {"note": people.KEY},
        HTTP_REFERER=f"http://testserver/invitations/{TOKEN}/?q={people.KEY}",
    )
    request.COOKIES = {"zone": people.KEY, "invitation": TOKEN, "__Host-sessionid": SESSION}
    request.path_info = f"/invitations/{TOKEN}/{people.KEY}/"
    return request


def failed_saying_the_key():
    """The key stands in the error's text, in a source line, in bytes that are broken into lines, in a long text."""
    broken = b"x" * 60 + people.KEY.encode() + b"x" * 80
    cut = "y" * 4080 + people.KEY
    raise ValueError("refused: fini_live_abcdefghijklmnopqrstuvwxyz1234", len(broken), len(cut))


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
    reporter = ErrorReport(posting(), kind, error, traceback)
    for report in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "the send failed" in report
        assert people.KEY not in report
        assert people.SHORT_KEY not in report
    assert "[key removed]" in reporter.get_traceback_html()
    assert "***" in reporter.get_traceback_html()


@pytest.mark.parametrize("debug", [True, False])
def test_wherever_a_key_or_a_token_stands_no_report_repeats_it(settings, debug):
    settings.DEBUG = debug
    request = asking()
    reporter_class: Any = get_exception_reporter_class(request)
    reporter = reporter_class(request, *caught(failed_saying_the_key))
    for report in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "refused: [key removed]" in report
        assert [piece for piece in (*PIECES, TOKEN, SESSION) if piece in report] == []


def test_every_line_of_the_log_is_searched_and_the_traceback_below_it():
    kind, error, trace = caught(failed_saying_the_key)
    where = f"/invitations/{TOKEN}/ /accounts/password/reset/key/1-d9x2kj-{'0f' * 16}/x"
    record = logging.makeLogRecord(
        {"msg": "%s %s", "args": (people.KEY, where), "exc_info": (kind, error, trace)}
    )
    line = LogFormatter("%(message)s").format(record)
    assert "ValueError: ('refused: [key removed]'" in line
    assert "/invitations/[removed]/ /accounts/password/reset/key/1-[removed]/x" in line
    assert people.KEY not in line


def test_the_products_own_modules_are_named_and_a_key_beside_them_is_not():
    record = logging.makeLogRecord(
        {"name": "fini_admin.ingestion.engine.walk", "msg": "/srv/fini_admin/fini/client.py"}
    )
    record.args = ()
    assert (
        LogFormatter("%(name)s %(message)s").format(record)
        == "fini_admin.ingestion.engine.walk /srv/fini_admin/fini/client.py"
    )
    record.msg = "fini_admin_0123456789abcdef fini_admin/0123456789abcdef"
    assert LogFormatter("%(message)s").format(record) == "[key removed] [key removed]"


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
    monkeypatch.setattr("fini_admin.lib.keyring.derived", lambda key, purpose: 1 // 0)
    failed = caught(add_key, by=by("a", "b"), workspace=acme, label="main", plain=people.SHORT_KEY)
    assert failed[0] is ZeroDivisionError
    page = ErrorReport(None, *failed).get_traceback_html()
    frames = page.split('<li class="frame')
    assert any("workspaces/vault.py" in frame for frame in frames)
    # This test's own frames hold the text of course.
    assert [frame for frame in frames if people.SHORT_KEY in frame and "test_redaction.py" not in frame] == []
    assert people.PRINTABLE.decode() not in page


def test_an_unknown_encryption_key_shows_no_other(settings):
    sealed = vault.seal(people.KEY, workspace=WORKSPACE, row=ROW)
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    failed = caught(vault.open_sealed, sealed, workspace=WORKSPACE, row=ROW)
    assert people.PRINTABLE.decode() not in ErrorReport(None, *failed).get_traceback_html()


def test_looking_for_an_encryption_key_shows_none_of_them(settings):
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    page = ErrorReport(None, *caught(keyring.by_number, b"none")).get_traceback_html()
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
