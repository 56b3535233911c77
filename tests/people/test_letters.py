"""A person is told by mail when the way in changes; the mails say what was done, and hold no secret."""

import re

import pytest
from django.core import mail
from django.test import Client

from fini_admin.people import letters
from fini_admin.people import mail as post
from tests.support import people
from tests.support.log_ins import ADDRESS, by_provider, code, enrol, log_in

NEW = "another long phrase"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TWICE = {"password1": NEW, "password2": NEW}


@pytest.fixture
def told(django_capture_on_commit_callbacks):
    """What somebody is told by mail when something is done: subjects and texts."""

    def doing(act):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            act()
        post.wait()
        return [(one.to, one.subject.removeprefix("Fini Admin: "), str(one.body)) for one in mail.outbox]

    return doing


@pytest.fixture
def browser(ada):
    """Ada's, just logged in."""
    browser = Client(headers={"User-Agent": FIREFOX})
    people.sign_in(browser, ada)
    return browser


def subjects(told_of):
    assert {tuple(to) for to, _, _ in told_of} <= {(ADDRESS,)}
    return [subject for _, subject, _ in told_of]


def test_of_a_changed_password(browser, told):
    change = {"oldpassword": people.PASSWORD, **TWICE}
    ((to, subject, body),) = told(lambda: browser.post("/accounts/password/change/", change))
    assert (to, subject) == ([ADDRESS], "your password was changed")
    assert re.search(
        r"This was done on \d\d \w+ \d{4} at \d\d:\d\d UTC, from 127.0.0.1, in Firefox on Linux.", body
    )
    assert "If you know nothing of this" in body
    assert NEW not in body
    assert people.PASSWORD not in body


def test_of_a_code_that_is_used_a_second_time(ada, client, told, later):
    log_in(client)
    secret, _ = enrol(client)
    client.post("/accounts/logout/")
    later(minutes=5)
    used = {"code": code(secret)}

    def use(browser):
        log_in(browser)
        return browser.post("/accounts/2fa/code/", used)

    assert told(lambda: use(client)) == []
    ((to, subject, body),) = told(lambda: use(Client(headers={"User-Agent": FIREFOX})))
    assert (to, subject) == ([ADDRESS], "a code was used a second time")
    assert "from 127.0.0.1, in Firefox on Linux." in body
    assert "If you know nothing of this" in body
    assert used["code"] not in body


def test_not_of_one_that_was_not_changed(browser, told):
    assert told(lambda: browser.post("/accounts/password/change/", {"oldpassword": "wrong", **TWICE})) == []


def test_of_a_password_that_a_mails_link_set(ada, client, told):
    ((_, subject, body),) = told(lambda: client.post("/accounts/password/reset/", {"email": ADDRESS}))
    assert subject == "a new password"
    assert "It works once, for 3 days at most." in body
    found = re.search(r"http://testserver(/\S+)", body)
    assert found
    form = client.get(found[1]).url
    ((_, subject, body),) = told(lambda: client.post(form, TWICE))
    assert subject == "your password was reset"
    assert NEW not in body
    assert "http" not in body


def test_of_a_second_factor_and_of_new_codes_and_of_one_taken_away(browser, told):
    held: list = []
    assert subjects(told(lambda: held.extend(enrol(browser)))) == ["a second factor was set up"]
    codes_page = "/accounts/2fa/codes/new/"
    again = told(lambda: browser.post(codes_page))
    assert subjects(again) == ["new recovery codes were made"]
    gone = told(lambda: browser.post("/accounts/2fa/deactivate/"))
    assert subjects(gone) == ["your second factor was removed"]
    secret, codes = held
    for _, _, body in again + gone:
        assert secret not in body
        assert not set(codes) & set(re.findall(r"\d{8}", body))


def test_of_a_second_factor_that_a_superuser_took_away_with_the_name_of_who_did_it(browser, ada, told):
    enrol(browser)
    root = Client()
    people.sign_in(root, people.user("root@example.com", superuser=True))
    ((to, subject, body),) = told(lambda: root.post(f"/people/{ada.pk}/", {"do": "factor"}))
    assert (to, subject) == ([ADDRESS], "your second factor was removed")
    assert "UTC, by root@example.com." in body
    assert told(lambda: root.post(f"/people/{ada.pk}/", {"do": "factor"})) == []


def test_of_a_log_in_that_was_connected_once(client, provider, ada, told):
    provider.knows("u9", email=ADDRESS, email_verified=True)
    ((_, subject, body),) = told(lambda: by_provider(client, provider, "u9"))
    assert subject == "a log-in was connected"
    assert "you can log in through Acme" in body
    client.post("/accounts/logout/")
    assert told(lambda: by_provider(client, provider, "u9")) == []


def test_logging_in_as_always_tells_nobody(browser, told):
    secret, _ = enrol(browser)
    browser.post("/accounts/logout/")
    assert (
        told(lambda: [log_in(browser), browser.post("/accounts/2fa/code/", {"code": code(secret, 1)})]) == []
    )


def test_a_browser_that_calls_itself_anything_says_nothing_in_a_mail():
    said = letters._done({"user_agent": f"see https://evil.example {people.KEY}", "ip": None})
    assert "evil" not in said
    assert people.KEY not in said


def test_without_a_post_office_nothing_goes_wrong(browser, told, settings, capsys, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    change = {"oldpassword": people.PASSWORD, **TWICE}
    answers: list = []
    told(lambda: answers.append(browser.post("/accounts/password/change/", change)))
    assert answers[0].status_code == 302
    assert "your password was changed" in capsys.readouterr().out
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("backend", ["console", "filebased"])
def test_without_a_post_office_no_link_to_a_new_password_is_written_anywhere(
    ada, client, told, settings, tmp_path, capsys, caplog, backend
):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    answers: list = []
    told(lambda: answers.append(client.post("/accounts/password/reset/", {"email": ADDRESS})))
    assert answers[0].url == "/accounts/password/reset/done/"
    assert "reset/key" not in "".join([*capsys.readouterr(), caplog.text])
    assert not list(tmp_path.iterdir())
    assert caplog.messages == ["no mail server is set up (EMAIL_URL): a mail with a link was not sent"]


def test_in_development_the_link_is_printed(ada, client, told, settings, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    settings.DEBUG = True
    told(lambda: client.post("/accounts/password/reset/", {"email": ADDRESS}))
    assert "reset/key" in capsys.readouterr().out


def test_a_post_office_that_is_away_leaves_the_change_and_a_line_in_the_log(
    browser, ada, told, settings, caplog
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    told(lambda: browser.post("/accounts/password/change/", {"oldpassword": people.PASSWORD, **TWICE}))
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert "a mail could not be sent" in caplog.text
    assert NEW not in caplog.text


@pytest.mark.parametrize("name", [*letters.TOLD, *letters.LINKED])
def test_every_letter_is_short_and_says_what_to_do(name):
    links = {"password_reset_url": "https://fini.example/a/", "activate_url": "https://fini.example/b/"}
    one = letters.letter(name, ADDRESS, links)
    assert len(str(one.body)) < 500
    assert "If you " in str(one.body)
    assert "{" not in f"{one.subject}{one.body}"


@pytest.mark.parametrize(
    "typed", [f"{ADDRESS}\nBcc: eve@example.com", f"{ADDRESS}\r\n\r\nOpen this", f"{ADDRESS}, a@b.example"]
)
def test_what_is_typed_adds_neither_header_nor_text_nor_reader(client, ada, told, typed):
    assert told(lambda: client.post("/accounts/password/reset/", {"email": typed})) == []
