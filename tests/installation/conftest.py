"""Every address of the URLconf, with something behind each, in a workspace whose every text is hostile."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import URLPattern, reverse

from fini_admin.audit import transport
from fini_admin.audit.models import Entry
from fini_admin.fini.routes import Resource, ResourceBody
from fini_admin.ingestion.kinds import discovery, ingestions, registrations
from fini_admin.ingestion.models import QueueEntry, Run
from fini_admin.sources.models import Source
from fini_admin.web import urls
from fini_admin.workspaces.models import User, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import QUICK, drive

# What a person may type: a name holds nothing that does not print.
TYPED = "{{ evil }}\"'><evil evil=1>{% evil %}&lt;"
# What a provider may send: it turns the line round, and holds what ends a text elsewhere.
HOSTILE = f"{TYPED}\u202e\u0007"  # no NUL: what is read from a provider comes without (fini.wire.clean)
# Where a value stands for something else than the workspace's own.
WORDS = {
    "uidb36": "1",
    "key": "no-such-key",
    "token": "no-such-token",
    "provider": "notion",
    "side": "answer",
}


@dataclass(frozen=True)
class Furnished:
    """A workspace with one of everything, and the superuser who looks at it."""

    workspace: Workspace
    root: User

    def addresses(self) -> dict[str, str]:
        """Each route of the URLconf with an address in which everything exists, as far as it can."""
        return {str(pattern.pattern): self.address(pattern) for pattern in urls.urlpatterns}

    def address(self, pattern: URLPattern) -> str:
        """One of them."""
        given = pattern.default_args
        names = [name for name in pattern.pattern.regex.groupindex if name not in given]
        return reverse(
            str(pattern.name), kwargs={name: self.value(str(pattern.name), name) for name in names}
        )

    def value(self, view: str, name: str) -> Any:
        """What stands for an argument of a view."""
        found: dict[tuple[str, str], Any] = {
            ("run", "number"): Run.objects.filter(workspace=self.workspace).latest("number").number,
            ("session_end", "number"): UserSession.objects.order_by("pk").values_list("pk", flat=True).first()
            or 1,
            ("member_role", "number"): self.workspace.memberships.get().pk,
            ("member_remove", "number"): self.workspace.memberships.get().pk,
            ("preview", "token"): self.preview(),
        }
        own: dict[str, Any] = {
            "slug": self.workspace.slug,
            "workspace_id": self.workspace.pk,
            "key_id": self.workspace.keys.get().pk,
            "fini_id": Source.objects.filter(workspace=self.workspace).earliest("pk").fini_id,
            "call": uuid.UUID(str(Entry.objects.exclude(call=None).latest("seq").call)),
            "number": User.objects.exclude(pk=self.root.pk).earliest("pk").pk,
        }
        return found.get((view, name)) or own.get(name) or WORDS[name]

    def preview(self) -> str:
        """The token of a preview that this person has."""
        entries = QueueEntry.objects.filter(workspace=self.workspace, closed_at=None).select_related("source")
        return ingestions.freeze_ingest(workspace=self.workspace, entries=list(entries)).token

    def seen(self) -> Client:
        """A browser in which the superuser just logged in."""
        client = Client()
        people.sign_in(client, self.root)
        return client


@pytest.fixture(scope="module")
def sandbox_process() -> Iterator[Sandbox]:
    with Sandbox.start(per_minute=0) as sandbox:
        yield sandbox


@pytest.fixture
def furnished(db: None, sandbox_process: Sandbox, settings: Any) -> Iterator[Furnished]:
    sandbox_process.reset()
    sandbox_process.settings(**QUICK)
    settings.FINI_API_BASE_URL = sandbox_process.url
    settings.FINI_CALLS_PER_MINUTE = 100_000
    workspace = people.workspace("acme", TYPED)
    people.key(workspace, label=TYPED, plain=sandbox_process.key)
    root = people.user("root@example.com", name=TYPED, superuser=True)
    people.join(people.user("ada@example.com", name=TYPED), workspace, "admin")
    who: dict[str, Any] = {"by": by("ada@example.com", "browser"), "workspace": workspace}
    # A discovery of each kind of tree, and resources whose every text is hostile: in bodies, mirror and history.
    discovery.start_discover(**who, provider="notion")
    registrations.start_register(**who, provider="zendesk", resources=hostile("sent"), then_ingest=True)
    drive(workspace)
    registrations.start_register(**who, provider="zendesk", resources=hostile("waits"), then_ingest=False)
    drive(workspace)
    yield Furnished(workspace, root)
    transport._thread_session().close()


def hostile(prefix: str) -> list[ResourceBody]:
    """Resources as a provider might name them."""
    return [
        Resource(
            f"{prefix}-{number}-{HOSTILE}",
            HOSTILE,
            f"https://docs.example/{prefix}/{number}?{HOSTILE}",
            "text/html",
            "article",
        ).body()
        for number in range(2)
    ]


@pytest.fixture
def waiting(db: None) -> Workspace:
    """A workspace whose key nobody asked Fini about."""
    workspace = people.workspace("acme", "Acme")
    people.key(workspace)
    return workspace


def parts() -> list[str]:
    """The name of every fragment that a view lets a page be asked for; `list` is what most have."""
    files = (Path(__file__).resolve().parents[2] / "fini_admin").rglob("*.py")
    given = [part for file in files for part in re.findall(r"parts=\(([^)]*)\)", file.read_text())]
    return sorted({name for part in given for name in re.findall(r'"(\w+)"', part)} | {"list"})
