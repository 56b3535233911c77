"""A key that Fini repeats, in whatever encoding and spelling, is found nowhere: no row, log, export or page (P5)."""

import json
import logging
import re
from collections.abc import Iterator
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from fini_admin.audit.models import Entry
from fini_admin.ingestion.kinds import discovery, ingestions, registrations
from fini_admin.ingestion.models import Run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import User, Workspace
from tests.support import people, tables
from tests.support.markup import Page
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import drive, resources

ORDINARY = "fini_RepzQxBySomebodyGzKwItself"
# Quotes, brackets and signs are written differently in JSON, HTML and addresses.
AWKWARD = "fini_RepzQxBy\"'<&%\\GzKwItself"
PIECES = ("RepzQxBy", "GzKwItself")
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
UNDER = ("", "sources/", "queue/", "runs/", "audit/", "activity/", "keys/", "discover/notion/", "register/")


def percent(text: str) -> str:
    return "".join(f"%{ord(letter):02x}" for letter in text)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def spellings(key: str) -> list[str]:
    """The ways in which the key is written into a text."""
    return [
        key,
        percent(key),
        quote(percent(key), safe=""),
        quote(key, safe=""),
        escaped(key),
        f"%66{key[1:]}",
    ]


def readings(text: str) -> Iterator[str]:
    """A text as it stands, and as whoever knows of escapes reads it."""
    for _ in range(4):
        yield text
        text = unescape(unquote(text.replace("\x00", "").replace("\\x00", "")))
        text = re.sub(r"\\+u00([0-7][0-9a-f])", lambda found: chr(int(found[1], 16)), text)


def holds(text: str) -> bool:
    """Whether it holds a piece of the key."""
    return any(piece in one for one in readings(text) for piece in PIECES)


@pytest.fixture(params=[ORDINARY, AWKWARD], ids=["ordinary", "awkward"])
def key(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def acme(db: None, sandbox: Sandbox, key: str) -> Workspace:
    workspace = people.workspace()
    sandbox.add_key(key)
    people.key(workspace, plain=key)
    return workspace


def titles(sandbox: Sandbox, key: str) -> None:
    """Fini's records hold the key in every text that they have, each record in another spelling."""
    for document, written in zip(sandbox.documents(), spellings(key), strict=False):
        sandbox.change(
            document["id"],
            title=f"How {written} works",
            originalUrl=f"https://docs.example/?key={written}&n=1",
            mimeType=f"text/{written}",
            error=f"no {written}",
            linkedReason=f"because {written}",
            paragraphs=[f"It begins with {written}.", "And goes on."],
        )


def answers(sandbox: Sandbox, key: str) -> None:
    """What Fini answers, with the key in messages, IDs and names; in every encoding, letters escaped and not."""
    for written in spellings(key)[1:4]:
        sandbox.fault(method="POST", path="resources", status=500, message=f"no {written}", after=True)
    for written in spellings(key):
        told = {"message": [f"Bearer {written} is wrong"], written: [written], "statusCode": 400}
        sandbox.fault(method="GET", path=r"public\?", body=json.dumps(told))
        listed = {"documents": [{"id": written, "title": written}], "hasMore": False}
        sandbox.fault(method="GET", path=r"public\?", body=json.dumps(listed), escaped=True)
        sandbox.fault(
            method="GET", path=r"public\?", status=502, body=f"<p>{written}</p>", content_type="text/html"
        )
    for encoding in ENCODINGS:
        for escape in (False, True):
            told = {"message": f"no {key}", "documents": [{"id": "a", "title": key}]}
            sandbox.fault(
                method="GET", path=r"public\?", body=json.dumps(told), encoding=encoding, escaped=escape
            )
            sandbox.fault(method="GET", path=r"public\?", encoding=encoding, escaped=escape)


def story(sandbox: Sandbox, acme: Workspace, key: str) -> None:
    """Discover, register, ingest and follow while Fini repeats the key at every turn."""
    who: dict[str, Any] = {"by": by("ada@example.com"), "workspace": acme}
    for number, written in enumerate(spellings(key)):
        item = {"externalId": f"d-{number}", "title": written, "originalUrl": f"https://x.example/{written}"}
        sandbox.fault(
            method="GET", path="resources", body=json.dumps([item, {"externalId": written}]), escaped=True
        )
        discovery.start_discover(**who, provider="notion")
        drive(acme)
    sandbox.fault(method="GET", path="resources", status=400, message=f"no {percent(key)}")
    discovery.start_discover(**who, provider="zendesk")
    answers(sandbox, key)
    items = [one.body() for one in resources(len(spellings(key)))]
    while sandbox.faults():
        registrations.start_register(**who, provider="notion", resources=items, then_ingest=False)
        drive(acme, seconds=60)
    titles(sandbox, key)
    ingestions.start_ingest(**who)
    drive(acme, seconds=60)


def somebody(acme: Workspace, role: str) -> User:
    """A person of this role in the workspace, or a superuser, who is a member nowhere."""
    email = f"{role}@example.com"
    superuser = role == "superuser"
    return people.user(email, superuser=True) if superuser else people.member(acme, role, email)


def seen(client: Client, acme: Workspace, role: str) -> Iterator[tuple[str, str]]:
    """Every page of the workspace that somebody may see, its parts and files too."""
    home = reverse("workspace", args=[acme.slug])
    manages = role in ("admin", "superuser")
    paths = [f"{home}{name}" for name in UNDER]
    paths += [f"{home}{name}" for name in ("members/", "settings/") if manages]
    paths += [reverse(name) for name in ("workspaces", "people") if role == "superuser"]
    paths += [f"{home}sources/{source.fini_id}/" for source in Source.objects.filter(workspace=acme)]
    paths += [f"{home}runs/{run.number}/" for run in Run.objects.filter(workspace=acme)]
    calls = (
        Entry.objects.filter(chain=str(acme.pk), call__isnull=False).values_list("call", flat=True).distinct()
    )
    sides = ("", "request/", "answer/", "curl/") if manages else ("",)
    paths += [f"{home}audit/{call}/{side}" for call in calls for side in sides]
    paths += [f"{home}sources/?export=jsonl", f"{home}sources/?export=csv"]
    parts: set[str] = set()
    for path in paths:
        answer = client.get(path)
        text = answer.getvalue().decode()
        yield path, f"{text} {dict(answer.items())}"
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            parts |= Page(text, path).parts
    for part in sorted(parts):
        yield part, client.get(part, headers={"HX-Request": "true"}).getvalue().decode()


def test_p5_a_key_that_fini_repeats_in_any_encoding_and_spelling_is_found_nowhere(
    sandbox: Sandbox, acme: Workspace, impatient: None, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fini_admin")
    story(sandbox, acme, key)
    struck = [entry for entry in sandbox.log() if entry["fault"]]
    assert len(struck) == 60
    titled = Source.objects.filter(workspace=acme, title="How [key removed] works")
    assert titled.count() == len(spellings(key))
    found = {f"table {table}" for table, text in tables.texts() if holds(text)}
    for command, options in (("export_audit", ["--bodies"]), ("export_sources", []), ("export_audit", [])):
        printed = StringIO()
        call_command(command, acme.slug, *options, stdout=printed)
        assert "[key removed]" in printed.getvalue() or not options
        found |= {command} if holds(printed.getvalue()) else set()
    found |= {f"log {record.name}" for record in caplog.records if holds(caplog.handler.format(record))}
    for role in ("viewer", "editor", "admin", "superuser"):
        client = Client()
        people.sign_in(client, somebody(acme, role))
        pages = list(seen(client, acme, role))
        assert any("[key removed]" in text for _, text in pages)
        found |= {f"{role}: {path}" for path, text in pages if holds(text)}
    assert found == set()


@pytest.mark.parametrize("written", range(len(spellings(AWKWARD))))
@pytest.mark.parametrize("whole", [ORDINARY, AWKWARD])
def test_the_search_finds_it_in_each_spelling(whole: str, written: int) -> None:
    text = spellings(whole)[written]
    assert holds(f"a {text} b")
    assert holds(repr(json.dumps({"a": text})))
    assert holds(text.encode("utf-16-le").decode("utf-8"))
    assert holds(repr(f"a {text}".encode("utf-32-be").decode("utf-8")))
