"""A NUL in cookies, headers and files, which PostgreSQL takes in no text: refused, and never a fault of ours."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from fini_admin.ingestion.models import PreviewRow
from tests.support import people

NUL = "a\x00b"
FAULT = 500


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages", "zone", "invitation", "other"])
def test_in_any_cookie(db: None, client: Client, name: str) -> None:
    people.sign_in(client, people.user())
    for path in ("/", "/accounts/login/", "/invitations/", "/accounts/sessions/"):
        answer = client.get(
            path, headers={"cookie": f'sessionid={client.session.session_key}; {name}="{"a" * 32}\\000b"'}
        )
        assert answer.status_code in (200, 302, 404), path


@pytest.mark.parametrize("name", ["User-Agent", "Referer", "HX-Current-URL", "X-Forwarded-For", "Accept"])
def test_in_any_header(db: None, client: Client, name: str) -> None:
    people.user()
    typed = {"login": "ada@example.com", "password": people.PASSWORD}
    assert client.post("/accounts/login/", typed, headers={name: NUL}).status_code == 400


RESOURCE = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/html"}
CSV = "originalUrl,title,externalId,mimeType\nhttps://a.example/1,One,1,text/html\n"


@pytest.mark.parametrize("where", [*RESOURCE, "object", "other"])
def test_in_a_file_of_json(db: None, client: Client, where: str) -> None:
    content = json.dumps([RESOURCE | {where: NUL}]).encode()
    assert uploaded(client, "a.json", content) < FAULT
    assert NUL not in str(list(PreviewRow.objects.values_list("content", flat=True)))


@pytest.mark.parametrize("where", ["One", "https://a.example/1", "text/html", "title"])
def test_in_a_file_of_csv(db: None, client: Client, where: str) -> None:
    assert uploaded(client, "a.csv", CSV.replace(where, f"{where}\x00").encode()) < FAULT
    assert "\x00" not in str(list(PreviewRow.objects.values_list("content", flat=True)))


def test_in_the_name_of_a_file(db: None, client: Client) -> None:
    assert uploaded(client, "a\x00b.csv", CSV.encode()) < FAULT


def uploaded(client: Client, name: str, content: bytes) -> int:
    """The status of the answer to a file on the register page."""
    workspace = people.workspace()
    people.key(workspace)
    people.sign_in(client, people.member(workspace, "admin"))
    file = SimpleUploadedFile("a", content)
    file._name = name  # type: ignore[attr-defined]  # the stubs know no private name
    data = {"provider": "notion", "file": file, "do": "preview", "next": "1"}
    return int(client.post("/w/acme/register/", data).status_code)
