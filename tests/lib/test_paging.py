"""Lists by keyset (P7)."""

import pytest

from fini_admin.lib import paging
from fini_admin.workspaces.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db):
    User.objects.bulk_create([User(email=f"{n}@example.com") for n in range(7)])
    return User.objects.all()


def walk(queryset, **options):
    seen, cursor = [], None
    while True:
        found = paging.page(queryset, cursor=cursor, size=3, **options)
        seen += [row.pk for row in found.rows]
        if not found.older:
            return seen
        cursor = found.older


def test_a_walk_sees_each_row_once_in_either_direction(people):
    everyone = sorted(people.values_list("pk", flat=True))
    assert walk(people) == everyone[::-1]
    assert walk(people, descending=False) == everyone


def test_a_full_last_page_has_nothing_older(people):
    assert paging.page(people, cursor=None, size=7).older == ""
    assert paging.page(people, cursor=None, size=6).older != ""


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1; DROP TABLE", "9" * 30, "٣", "1.5", None])
def test_a_cursor_that_is_none_leads_to_the_first_page(people, cursor):
    found = paging.page(people, cursor=cursor, size=3)
    assert (len(found.rows), found.first) == (3, True)


def test_an_older_page_says_that_it_is_not_the_first(people):
    assert not paging.page(people, cursor="3", size=3).first


def test_rows_that_come_while_one_pages_are_neither_missed_nor_repeated(people):
    first = paging.page(people, cursor=None, size=3)
    User.objects.create(email="late@example.com")
    second = paging.page(people, cursor=first.older, size=3)
    assert max(row.pk for row in second.rows) < min(row.pk for row in first.rows)


@pytest.mark.parametrize(("rows", "said"), [(0, "0"), (7, "7"), (10, "10"), (11, "10+")])
def test_counts_are_exact_up_to_the_limit(db, monkeypatch, rows, said):
    monkeypatch.setattr(paging, "COUNTED", 10)
    User.objects.bulk_create([User(email=f"{n}@example.com") for n in range(rows)])
    assert paging.count(User.objects.all()) == said


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], []),
        ([1, 2], [[1, 2]]),
        ([1, 2, 3], [[1, 2], [3]]),
        ([3, 1, 2, 3], [[3, 1], [2, 3]]),
    ],
)
def test_chunks_are_in_order_and_the_last_is_what_is_left(values, found):
    assert list(paging.chunks(values, 2)) == found
