"""What a resource's fields may hold, wherever the resource comes from."""

from dataclasses import replace

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.resource_rules import without_faults


def test_what_breaks_a_rule_of_files_and_forms_is_left_out_of_a_listing_too() -> None:
    good = Resource("1", "", "https://a.example/1", "text/html")
    wanted = [
        good,
        replace(good, external_id="2", title="x" * 2_501),
        replace(good, external_id="3", original_url="ftp://a.example"),
    ]
    assert without_faults(wanted) == (
        [good],
        [
            (2, "2: title is longer than 2,500 characters: it has 2,501, shorten it"),
            (3, "3: originalUrl is not an http(s) address: write it in full, starting with https://"),
        ],
    )
