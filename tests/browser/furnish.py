"""Makes a workspace with its people, in an installation's console.

The commands would do it too, at a second each; these are the same functions.
"""

from typing import Any

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.kinds import crawls, deletions, discovery, ingestions, registrations
from fini_admin.ingestion.models import QueueEntry
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.keys import add_key
from fini_admin.workspaces.members import add_member, add_user
from fini_admin.workspaces.models import User, Workspace
from fini_admin.workspaces.workspaces import create_workspace
from tests.support.who import by

WHO = by()


def furnish(wanted: dict[str, Any]) -> dict[str, str]:
    """What is wanted, and what was made of it."""
    slug = wanted["slug"]
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        workspace = create_workspace(by=WHO, slug=slug, name=wanted["name"])
    for role, (email, name) in wanted["people"].items():
        join(workspace, role, email, name, wanted["password"])
    if wanted.get("key"):
        add_key(by=WHO, workspace=workspace, label="main", plain=wanted["key"])
    who = by(wanted.get("actor", "test"))
    for provider in wanted.get("discover", []):
        discovery.start_discover(by=who, workspace=workspace, provider=provider)
    for link in wanted.get("crawl", []):
        crawls.start_crawl(by=who, workspace=workspace, links=[link])
    for register in wanted.get("register", []):
        resources = [Resource(**fields).body() for fields in register.pop("resources")]
        registrations.start_register(by=who, workspace=workspace, resources=resources, **register)
    if not wanted.get("preview"):
        return {}
    entries = QueueEntry.objects.filter(workspace=workspace, closed_at=None).select_related("source")
    preview = ingestions.freeze_ingest(workspace=workspace, entries=list(entries))
    made = {"preview": preview.token, "key": str(workspace.keys.get().pk)}
    usable = list(
        Source.objects.filter(workspace=workspace, state=State.USABLE).values_list("pk", flat=True)[:1]
    )
    if usable:
        made["deletion"] = deletions.freeze(workspace=workspace, sources=usable).token
    return made


def join(workspace: Workspace, role: str, email: str, name: str, password: str) -> None:
    """A person, new or known, with a role in the workspace; a superuser needs none."""
    superuser = role == "superuser"
    person = User.objects.filter(email=email).first() or add_user(
        by=WHO, email=email, name=name, password=password, superuser=superuser
    )
    if not superuser:
        add_member(by=WHO, workspace=workspace, user=person, role=role)
