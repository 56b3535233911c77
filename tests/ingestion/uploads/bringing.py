"""The three ways in which a list comes in, and what each makes of it."""

import io
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError, call_command
from django.test import Client

from fini_admin.ingestion.models import Preview, Run
from tests.support.previews import contents
from tests.support.register import errors, imported

WAYS = ["upload", "paste", "command"]


@dataclass
class Brought:
    """What is handed over of a list (a register's resources by name), and everything that is said of it."""

    resources: list[dict[str, str]]
    said: str

    @property
    def ids(self) -> list[str]:
        return [held["externalId"] for held in self.resources]


def bring(way: str, client: Client, content: bytes, provider: str, tmp_path: Any, **options: Any) -> Brought:
    """Bring a list in; what is bad in it is left out."""
    return (
        by_command(content, provider, tmp_path, **options)
        if way == "command"
        else by_page(way, client, content, provider)
    )


def by_page(way: str, client: Client, content: bytes, provider: str) -> Brought:
    """What the preview holds, its twins left out."""
    if way == "paste":
        answer = imported(client, content.decode(), provider=provider)
    else:
        answer = imported(client, file=content, provider=provider)
    if answer.status_code != 303:
        return Brought([], " ".join(errors(answer)))
    held = contents(Preview.objects.latest("made_at"))
    twins = held["twins"]
    good = [one for position, one in enumerate(held["resources"]) if position not in twins]
    lines = [f"{held['unit']} {line}: {said} {text}" for line, said, text in held["problems"]]
    lines += [f"{held['unit']} {line}: twice, as {first}" for line, first, _ in held["duplicates"]]
    return Brought(good, " ".join([*held["notes"], *lines, *twins.values()]))


def by_command(content: bytes, provider: str, tmp_path: Any, **options: Any) -> Brought:
    """What the run holds."""
    file, err = tmp_path / "list", io.StringIO()
    file.write_bytes(content)
    before = Run.objects.count()
    try:
        call_command(
            "register",
            "acme",
            provider,
            str(file),
            stdout=io.StringIO(),
            stderr=err,
            **{"skip_invalid": True} | options,
        )
    except CommandError as error:
        assert Run.objects.count() == before
        return Brought([], err.getvalue() + str(error))
    items = Run.objects.latest("pk").items.order_by("position")
    return Brought([item.resource for item in items if item.resource], err.getvalue())
