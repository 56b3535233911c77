"""Register in the browser: many at once by a pasted text or a file."""

import io
import re
import tracemalloc
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from fini_admin.ingestion.models import Preview, Run
from fini_admin.sources.models import DiscoveredResource
from fini_admin.web.forms.base import KEY_HERE
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.previews import contents
from tests.support.register import (
    HEADER,
    HTMX,
    KEY,
    PAGE,
    ROW,
    errors,
    groups,
    imported,
    known,
    preview_of,
    text_of,
)
from tests.support.sandbox import Sandbox


def test_a_csv_tells_new_updated_unchanged_twice_and_invalid(acme: Workspace, editor: Client) -> None:
    for number, title in ((1, "Old title"), (2, "Same")):
        known(acme, number, title)
    lines = [
        "New title,1,https://a.example/1",
        "Same,2,https://a.example/2",
        "Three,3,https://a.example/3",
        "Three again,3,https://a.example/3",
        ",4,https://a.example/4",
    ]
    preview = preview_of(imported(editor, HEADER + "\n".join(lines)))
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert {group.name: group.total for group in page.context["groups"]} == {
        "update": 1,
        "same": 1,
        "duplicate": 1,
        "invalid": 1,
        "new": 1,
    }
    told = text_of(page)
    assert "title Old title → New title" in told
    assert "line 5 the same external ID as in line 4" in told
    assert "line 6 title is missing" in told
    assert [button.text for button in page.context["buttons"]] == ["Register 2", "Register and ingest 2"]


def test_in_the_preview_updates_can_be_left_out_one_by_one_or_all(
    sandbox: Sandbox, acme: Workspace, editor: Client
) -> None:
    for number in (1, 2, 3):
        known(acme, number, "Old" if number < 3 else "New")
    text = HEADER + "\n".join(f"New,{number},https://a.example/{number}" for number in range(1, 6))
    told = {"offered": "0,1", "keep": "1"}
    for said, left in (
        ({}, ["1", "2", "4", "5"]),
        (told, ["2", "4", "5"]),
        ({"left": "0,2"}, ["2", "4", "5"]),
        ({"let": "2"}, ["1", "2", "3", "4", "5"]),
        (told | {"let_all": "same"}, ["2", "3", "4", "5"]),
        ({"let_all": ["new", "nothing"]}, ["1", "2", "4", "5"]),
        ({"without": ["same", "update", "new", "nothing"]}, ["4", "5"]),
        ({"left": "x,-1,99999999999", "without": "new"}, ["1", "2", "4", "5"]),
    ):
        preview = preview_of(imported(editor, text))
        editor.post(f"/w/acme/previews/{preview.token}/", {"do": "register"} | said)
        run = Run.objects.latest("pk")
        assert [item.external_id for item in run.items.order_by("position")] == left
        assert not run.then_ingest


def test_whether_an_import_is_ingested_is_decided_in_the_preview(acme: Workspace, editor: Client) -> None:
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1"))
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert {"english", "baser"} <= set(page.context["form"].fields)
    editor.post(f"/w/acme/previews/{preview.token}/", {"do": "ingest", "english": "no"})
    run = Run.objects.get()
    assert (run.then_ingest, run.english, run.baser) == (True, False, None)


def test_a_long_group_goes_on_in_pieces(acme: Workspace, editor: Client) -> None:
    text = HEADER + "\n".join(f"T{number},{number},https://a.example/{number}" for number in range(120))
    preview = preview_of(imported(editor, text))
    address = f"/w/acme/previews/{preview.token}/"
    assert "Show more of 120" in text_of(editor.get(address))
    rows = editor.get(f"{address}?part=rows&group=new&from=100", headers=HTMX)
    assert re.findall(r"T\d+", text_of(rows)) == [f"T{number}" for number in range(100, 120)]
    assert "Show more" not in text_of(rows)
    for query in ("?group=new&from=50", "?group=new&from=-1", "?group=none&from=x", "?from=" + "9" * 30):
        assert editor.get(address + query).status_code == 200
    assert editor.get(f"{address}?part=rows&group=none", headers=HTMX).status_code == 200


def test_what_discovery_did_not_list_is_marked(acme: Workspace, editor: Client) -> None:
    DiscoveredResource.objects.create(
        workspace=acme,
        provider="zendesk",
        external_id="1",
        position=0,
        leaf=True,
        listed_run=1,
    )
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1\nB,2,https://a.example/2"))
    page = text_of(editor.get(f"/w/acme/previews/{preview.token}/"))
    assert page.count("Discovery did not list this external ID.") == 1


def test_addresses_of_another_provider_are_pointed_out(editor: Client) -> None:
    address = "https://acme.atlassian.net/wiki/spaces/HR/pages/1/A"
    preview = preview_of(imported(editor, HEADER + f"A,1,{address}\nB,2,https://a.example/2"))
    assert contents(preview)["notes"] == ["Addresses that look like Confluence, not Zendesk: 1 of 2."]


def test_a_file_with_a_bom_and_one_from_a_spreadsheet_are_read(editor: Client) -> None:
    text = HEADER + "Ärger,1,https://a.example/1"
    for content in (text.encode("utf-8-sig"), text.replace(",", ";").encode(), text.encode("utf-16")):
        preview = preview_of(imported(editor, file=content))
        assert contents(preview)["resources"][0]["title"] == "Ärger"
        assert contents(preview)["notes"] == []


def test_a_latin_1_file_is_read_and_the_preview_says_so_with_a_sample(editor: Client) -> None:
    preview = preview_of(
        imported(editor, file=(HEADER + "Für Ärger,1,https://a.example/1").encode("latin-1"))
    )
    page = text_of(editor.get(f"/w/acme/previews/{preview.token}/"))
    assert "Read as Windows-1252, for it is not UTF-8: check the accents. It holds “Für”, “Ärger”." in page


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This cannot be read: it is empty."),
        (
            b"title,externalId\nA,1",
            "This cannot be read: the header has no column originalUrl: it is “title,externalId”. The first line",
        ),
        (HEADER.encode(), "This cannot be read: it names no resource."),
        (b"[" * 100_000, "This cannot be read: it is JSON that is nested too deeply"),
        (b"[1]", "This cannot be read: it holds no resources, but 1."),
        (b"\xff\xfeA", "This cannot be read: it is not UTF-16 text: byte 3. Save the file"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_beside_it(editor: Client, content: bytes, said: str) -> None:
    answer = imported(editor, file=content)
    assert answer.status_code == 422
    assert [error[: len(said)] for error in errors(answer)] == [said]
    assert "Choose the file again" in text_of(answer)
    assert not Preview.objects.exists()


def test_a_file_without_a_good_line_names_the_first_ones_as_they_stand(editor: Client) -> None:
    said = errors(imported(editor, file=(HEADER + "A,1,x\n" * 30).encode()))
    assert said[:2] == [
        "Nothing in it can be registered.",
        "Line 2: originalUrl is not an http(s) address: write it in full, starting with https://. It reads: A,1,x",
    ]
    assert (len(said), said[-1]) == (22, "And 10 more.")


def test_after_an_error_the_text_is_still_there_less_any_key(editor: Client) -> None:
    text = f"title,externalId\nA & <b>,1\n{KEY},2"
    answer = editor.post(PAGE, ROW | {"text": text, "1-title": "half typed", "do": "preview"})
    assert answer.status_code == 422
    assert "A &amp; &lt;b&gt;,1\n[key removed],2</textarea>" in answer.content.decode()
    assert 'value="half typed"' in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert [error.partition(":")[0] for error in errors(answer)] == [f"{escape(KEY_HERE)} Line 3."]


def test_for_htmx_an_error_leaves_the_text_and_the_file_alone(editor: Client) -> None:
    answer = editor.post(
        PAGE, {"provider": "zendesk", "row": "1", "text": "x" * 9, "do": "preview"}, headers=HTMX
    )
    page = answer.content.decode()
    assert (answer.status_code, answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == (
        422,
        "#entry",
        "innerMorph",
    )
    assert "xxxxxxxxx</textarea>" not in page
    assert page.count("hx-morph-skip") == 6
    assert "<html" not in page


def test_neither_or_both_of_text_and_file_is_an_error(editor: Client) -> None:
    assert errors(imported(editor)) == ["Paste a text, or choose a file."]
    both = imported(editor, HEADER + "A,1,https://a.example/1", file=b"x")
    assert errors(both) == ["Choose a file or paste a text, not both: one of them would be lost."]


@pytest.mark.parametrize("as_file", [True, False])
def test_ten_thousand_lines_work_and_one_more_is_refused(editor: Client, as_file: bool) -> None:
    lines = [f"Page {number},{number},https://a.example/{number}" for number in range(10_001)]
    for count, status in ((10_000, 303), (10_001, 422)):
        text = HEADER + "\r\n".join(lines[:count])
        answer = imported(editor, file=text.encode()) if as_file else imported(editor, text)
        assert answer.status_code == status
    assert errors(answer) == ["This cannot be read: it has more than 10,000 lines: cut it into parts."]
    assert as_file or "Page 10000,10000" in answer.content.decode()
    assert len(contents(Preview.objects.get())["resources"]) == 10_000


@pytest.mark.parametrize("as_file", [True, False])
def test_twelve_megabytes_work_and_more_is_refused(editor: Client, as_file: bool) -> None:
    long = HEADER.strip() + ",body\n" + f"A,1,https://a.example/1,{'x' * 1000}\n"
    for size, status in ((12 << 20, 303), ((12 << 20) + 1, 422)):
        text = long.ljust(size, " ")
        answer = imported(editor, file=text.encode()) if as_file else imported(editor, text)
        assert answer.status_code == status
    assert errors(answer) == ["This cannot be read: it is larger than 12 MB: cut it into parts."]


@pytest.mark.parametrize("htmx", [True, False])
def test_fifty_megabytes_are_refused_without_being_read_into_memory(editor: Any, htmx: bool) -> None:
    content = SimpleUploadedFile("resources.csv", b"x" * 50_000_000)
    tracemalloc.start()
    request = editor._base_environ(
        PATH_INFO=PAGE,
        REQUEST_METHOD="POST",
        CONTENT_TYPE="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(content.size),
        **({"HTTP_HX_REQUEST": "true"} if htmx else {}),
    )
    request["wsgi.input"] = content
    answer = editor.request(**request)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        "What was sent is larger than 12 MB, the most that is taken at once: cut it into parts."
        in text_of(answer)
    )
    assert answer.status_code == (422 if htmx else 413)
    assert answer.headers.get("HX-Retarget") == ("#id_file_said" if htmx else None)
    assert peak < 8_000_000
    assert content.tell() == content.size
    assert not Preview.objects.exists()


def test_a_body_that_breaks_off_is_no_server_error(editor: Any) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: int | None) -> bytes:
            raise OSError

    environ = editor._base_environ(PATH_INFO=PAGE, REQUEST_METHOD="POST", CONTENT_LENGTH="99000000")
    environ |= {"wsgi.input": Broken(), "CONTENT_TYPE": "multipart/form-data; boundary=b"}
    assert editor.request(**environ).status_code == 413


def test_another_workspaces_sources_are_not_told_of(acme: Workspace, editor: Client) -> None:
    known(people.workspace("other", "Other"), 1, "Secret")
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1"))
    assert groups(editor, preview) == {"new": 1}
    assert "Secret" not in str(contents(preview))


def test_the_number_of_queries_does_not_grow_with_what_is_sent(acme: Workspace, editor: Client) -> None:
    def cost(count: int) -> tuple[int, int]:
        text = HEADER + "\n".join(f"A,{number},https://a.example/{number}" for number in range(count))
        with CaptureQueriesContext(connection) as sent:
            preview = preview_of(imported(editor, text))
        with CaptureQueriesContext(connection) as shown:
            editor.get(f"/w/acme/previews/{preview.token}/")
        read = sum(not query["sql"].startswith("INSERT") for query in sent.captured_queries)
        return read, len(shown)

    assert cost(1) == cost(3) == cost(200)


KEYS_IN_TEXT = f"A,1,https://a.example/1\n{KEY},2,https://a.example/2\nC,{KEY},https://a.example/3"


def test_a_key_in_a_file_never_reaches_the_preview_or_a_page(acme: Workspace, editor: Client) -> None:
    preview = preview_of(imported(editor, file=(HEADER + KEYS_IN_TEXT).encode()))
    assert KEY not in str(contents(preview))
    assert KEY not in editor.get(f"/w/acme/previews/{preview.token}/").content.decode()
    assert groups(editor, preview) == {"invalid": 2, "new": 1}


def test_a_key_in_a_pasted_text_is_taken_out_and_its_lines_are_named(acme: Workspace, editor: Client) -> None:
    answer = imported(editor, HEADER + KEYS_IN_TEXT)
    assert (answer.status_code, errors(answer)) == (422, [f"{escape(KEY_HERE)} Lines 3, 4."])
    assert "C,[key removed],https://a.example/3</textarea>" in answer.content.decode()
    assert KEY not in answer.content.decode()
