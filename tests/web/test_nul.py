"""A NUL, which PostgreSQL takes in no text: refused wherever it is sent, and never a fault of ours."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.support import tables
from tests.support.addresses import addresses
from tests.support.visitors import Visitor, alone, house
from tests.web.test_key_text import Field, askings, fields, looked_up, seen, visitors  # noqa: F401 - fixtures

__all__ = ["alone", "house"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

NUL = "a\x00b"
FAULT = 500


def status(visitor: Visitor, method: str, path: str, data: Any, **headers: str) -> int:
    with tables.undone():
        return int(visitor.ask(method, path, data, **headers).status_code)


def test_in_any_field_of_any_form(fields: list[Field]) -> None:  # noqa: F811 - a fixture
    found = {
        field.said: status(
            field.visitor, "POST", field.sending.path, field.filled | {field.control.name: [NUL]}
        )
        for field in fields
    }
    assert [said for said, code in found.items() if code >= FAULT] == []
    assert sum(code == 422 for code in found.values()) > len(found) / 4


def test_as_any_parameter_of_any_address_and_in_any_part_of_it(house, visitors, seen, looked_up) -> None:  # noqa: F811
    found = {}
    for asking in askings(house, visitors, seen, looked_up):
        glue = "&" if "?" in asking.path else "?"
        for name in sorted(asking.names):
            found[asking.method, asking.path, name] = status(
                asking.visitor, asking.method, f"{asking.path}{glue}{quote(name)}=%00", asking.data
            )
            if asking.method == "POST" and name not in asking.data:
                sent = status(asking.visitor, "POST", asking.path, asking.data | {name: [NUL]})
                found["sent", asking.path, name] = sent
    assert {place: code for place, code in found.items() if code >= FAULT} == {}


def test_in_any_part_of_a_path(house) -> None:
    visitor = house["superuser"]
    for address in addresses(house.ours, visitor.user):
        parts = address.path.strip("/").split("/")
        for number in range(len(parts)):
            path = "/" + "/".join([*parts[:number], "a%00b", *parts[number + 1 :]]) + "/"
            assert status(visitor, "GET", path, {}) == 400, path
