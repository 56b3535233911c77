"""Deletion: admins, the password, the number typed, linked knowledge chosen apart, and the way back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.models import Preview, Run, RunKind, Step, StepState
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.chances import SOURCES, ended_run, held, known, preview_after, said
from tests.support.log_ins import later

__all__ = ["later"]


@pytest.fixture
def five(acme: Workspace) -> list[Source]:
    """Five sources, two of which have linked knowledge."""
    linked = {"0": "article-0", "1": "article-1"}
    return [known(acme, name, knowledge_id=linked.get(name, "")) for name in "01234"]


@pytest.fixture
def preview(admin: Client, five: list[Source]) -> Preview:
    return preview_after(admin.post(SOURCES, {"do": "delete", "id": [source.pk for source in five]}))


def address(preview: Preview) -> str:
    return f"/w/acme/previews/{preview.token}/delete/"


def test_the_preview_says_what_goes_and_what_stays(admin: Client, preview: Preview) -> None:
    page = said(admin, address(preview))
    assert "Type 5 to delete 5 sources" in page
    assert "2 of these have knowledge linked to them in Fini. It stays unless you tick this" in page
    assert "DELETE /v2/documents/public" in page
    assert "data-asks" in page
    assert 'class="button button-danger"' in page
    assert "button-primary" not in page
    assert ">Delete 5</button>" in page
    assert page.count("linked knowledge</small>") == 2
    assert '"deleteArticles": false' in said(admin, f"{address(preview)}?call=1").replace("&quot;", '"')
    assert admin.get(f"/w/acme/previews/{preview.token}/")["Location"] == address(preview)


def test_what_cannot_be_deleted_is_not_called_unsendable(admin: Client, acme: Workspace) -> None:
    gone = known(acme, "gone", state="gone")
    answer = admin.post(SOURCES, {"do": "delete", "id": gone.pk}, follow=True)
    assert "None of these can be deleted: It is no longer in Fini" in answer.content.decode()


@pytest.mark.parametrize("typed", ["", "4", "50", "five", "5.0"])
def test_nothing_is_deleted_until_the_number_is_typed(admin: Client, preview: Preview, typed: str) -> None:
    answer = admin.post(address(preview), {"number": typed, "reason": "no use"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'aria-invalid="true"' in page
    assert 'value="no use"' in page
    assert not Run.objects.exists()


@pytest.mark.parametrize("tick", [False, True])
def test_the_typed_number_deletes_and_knowledge_only_if_ticked(
    admin: Client, preview: Preview, five: list[Source], tick: bool
) -> None:
    data = {"number": " 5 ", "reason": "no use"} | ({"articles": "on"} if tick else {})
    answers = [admin.post(address(preview), data) for _ in range(2)]
    run = Run.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/w/acme/runs/{run.number}/"}
    assert (run.kind, run.with_articles, run.reason, run.total) == (RunKind.DELETE, tick, "no use", 5)
    assert list(run.items.order_by("position").values_list("source", flat=True)) == [s.pk for s in five]


def test_without_linked_knowledge_nothing_is_asked_about_it(admin: Client, acme: Workspace) -> None:
    one = preview_after(admin.post(SOURCES, {"do": "delete", "id": known(acme, "a").pk}))
    page = said(admin, address(one))
    assert "Type 1 to delete 1 source<" in page
    assert "Also delete their articles" not in page


def test_the_password_is_asked_and_what_was_typed_goes_on(
    admin: Client, preview: Preview, later: Any
) -> None:
    later(minutes=10)
    answer = admin.post(address(preview), {"number": "5", "reason": "no use"})
    page = answer.content.decode()
    assert "Is it you?" in page
    assert 'name="number" value="5"' in page
    assert not Run.objects.exists()
    given = {"again-way": "password", "again-password": people.PASSWORD, "number": "5", "reason": "no use"}
    assert admin.post(address(preview), given)["Location"] == "/w/acme/runs/1/"
    assert Run.objects.get().reason == "no use"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403)])
def test_only_admins_see_or_confirm_it(
    preview: Preview, acme: Workspace, client: Client, role: str, status: int
) -> None:
    client.force_login(people.member(acme, role, f"{role}@example.com"))
    for there in (address(preview), f"/w/acme/previews/{preview.token}/"):
        assert client.get(there).status_code == status
        assert client.post(there, {"number": "5"}).status_code == status
    assert not Run.objects.exists()


def test_another_preview_is_none_of_a_deletion(admin: Client, acme: Workspace) -> None:
    refresh = preview_after(admin.post(SOURCES, {"do": "refresh", "id": known(acme, "a").pk}))
    answer = admin.post(address(refresh), {"number": "1"})
    assert answer["Location"] == f"/w/acme/previews/{refresh.token}/"
    assert admin.post(f"/w/acme/previews/{'x' * 20}/delete/")["Location"] == "/w/acme/"
    assert not Run.objects.exists()


def test_a_delete_run_says_what_fini_deleted_and_registers_it_again(admin: Client, acme: Workspace) -> None:
    gone = [known(acme, name, state="gone") for name in "ab"]
    run = ended_run(acme, "delete", [(source, "done", "") for source in gone], with_articles=True)
    told = {
        "sources": [{"id": "id-a", "title": "Title a"}, {"id": "id-b", "title": ""}],
        "articles": [{"id": "article-1", "title": "How to <b>"}],
    }
    now = datetime.now(UTC)
    Step.objects.create(run=run, number=1, kind="delete", state=StepState.DONE, due_at=now, deleted=told)
    page = said(admin, "/w/acme/runs/41/")
    assert "Fini reports 2 sources and 1 article deleted." in page
    assert '<a href="/w/acme/sources/id-b/"><bdi>id-b</bdi></a>' in page
    assert "article <bdi>How to &lt;b&gt;</bdi>" in page
    assert ">Register 2 again</button>" in page
    preview = preview_after(admin.post("/w/acme/runs/41/register-again/"))
    assert (preview.kind, held(preview)) == (RunKind.REGISTER, [None, None])
    shown = said(admin, f"/w/acme/previews/{preview.token}/")
    assert "will be registered" in shown
    assert ">Register 2 again</button>" in shown
    assert "https://docs.example/a" in shown
    admin.post(f"/w/acme/previews/{preview.token}/", {})
    again = Run.objects.get(kind=RunKind.REGISTER)
    assert list(again.items.order_by("position").values_list("external_id", flat=True)) == ["ext-a", "ext-b"]


def test_only_what_can_be_registered_is_offered_to_be_registered_again(
    admin: Client, acme: Workspace
) -> None:
    page, gone = (known(acme, name, state="gone", provider=name) for name in ("web", "notion"))
    ended_run(acme, "delete", [(page, "done", ""), (gone, "done", "")])
    shown = said(admin, "/w/acme/runs/41/")
    assert ">Register 1 again</button>" in shown
    assert "ingest pages on Web" in shown
    ended_run(acme, "delete", [(page, "done", "")], number=42)
    assert "again</button>" not in said(admin, "/w/acme/runs/42/")
    answer = admin.post("/w/acme/runs/42/register-again/", follow=True)
    assert "ingest pages on Web" in answer.content.decode()


def test_a_deletions_retry_asks_for_the_number_as_well(admin: Client, acme: Workspace) -> None:
    source = known(acme, "a", knowledge_id="k")
    ended_run(acme, "delete", [(source, "failed", "Fini kept it")], with_articles=True)
    answer = admin.post("/w/acme/runs/41/retry/")
    preview = preview_after(answer)
    assert answer["Location"] == address(preview)
    page = said(admin, address(preview))
    assert "Type 1 to delete 1 source" in page
    assert ">Retry 1</button>" in page
    assert 'name="articles"' in page
