"""Headers that mean nothing, from strangers as well: never a fault of ours."""

import pytest
from django.test import Client, RequestFactory

from fini_admin.web.content_type import Utf8Request
from fini_admin.workspaces.models import Workspace
from tests.support import people

FAULT = 500
# Of Python's codecs, those that decode to no text, or to half a surrogate pair.
NO_TEXTS = ["base64", "hex", "rot13", "idna", "undefined"]
HALVES = ["unicode_escape", "raw_unicode_escape", "utf-7"]


@pytest.fixture(autouse=True)
def as_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are read as the web process reads them (wsgi.py)."""
    monkeypatch.setattr("django.test.client.WSGIRequest", Utf8Request)


@pytest.fixture
def stranger(client: Client, db: None) -> Client:
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("charset", [*NO_TEXTS, *HALVES])
def test_a_charset_that_is_none_of_texts(stranger: Client, charset: str) -> None:
    answer = stranger.get("/accounts/login/?a=%C3%A4b", CONTENT_TYPE=f"text/plain; charset={charset}")
    assert answer.status_code == 200
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("charset", [*NO_TEXTS, *HALVES])
def test_a_form_in_such_a_charset(stranger: Client, charset: str) -> None:
    fields = {"login": "a\\ud800+2AA-@example.com", "password": "x\\ud800+2AA-"}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    answer = stranger.generic(
        "POST",
        "/accounts/login/",
        f"{''.join(parts)}--b--\r\n",
        content_type=f"multipart/form-data; boundary=b; charset={charset}",
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7"])
@pytest.mark.parametrize("page", ["sources", "queue", "audit", "find"])
def test_a_search_in_such_a_charset(client: Client, acme: Workspace, page: str, charset: str) -> None:
    client.raise_request_exception = False
    people.sign_in(client, people.member(acme, "viewer"))
    for query in ("%5Cud800", "%2B2AA-"):
        answer = client.get(f"/w/acme/{page}/?q={query}", CONTENT_TYPE=f"text/plain; charset={charset}")
        assert answer.status_code < FAULT


@pytest.mark.parametrize("written", ["nonsense''x", "idna''%ff", "a\udcff''x"])
@pytest.mark.parametrize("parameter", ["charset", "boundary"])
def test_a_content_type_that_cannot_be_read_is_none(parameter: str, written: str) -> None:
    sent = RequestFactory().post("/", CONTENT_TYPE=f"multipart/form-data; {parameter}*={written}")
    assert sent.content_type == ""


@pytest.mark.parametrize("address", ["http://[", "http://[::1", "//", "%"])
def test_where_htmx_says_it_is_may_be_no_address(stranger: Client, address: str) -> None:
    answer = stranger.get("/", headers={"HX-Request": "true", "HX-Current-URL": address})
    assert answer["HX-Redirect"] == "/accounts/login/?next=/"
