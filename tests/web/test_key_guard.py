"""What a request brings is freed of keys before anything reads it, and the fields that held one are refused (P5)."""

from copy import copy, deepcopy
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from django import forms
from django.conf import settings as configured
from django.http import HttpResponse, QueryDict
from django.test import Client, RequestFactory
from django.test.client import MULTIPART_CONTENT

from fini_admin.audit.models import Entry
from fini_admin.lib.key_text import REPLACEMENT
from fini_admin.web.forms.base import KEY_HERE, MARK_HERE, Filters, KeylessForm
from fini_admin.web.key_guard import FieldGuard, KeyGuard, as_typed, fields_with_key, remove_keys
from fini_admin.workspaces.models import ApiKey
from tests.support import people

KEY = "fini_Never4711SeenAgainXyz"
PERCENT = KEY.replace("f", "%66").replace("_", "%5F")
TWICE = quote(PERCENT, safe="")
THRICE = quote(TWICE, safe="")
WRITTEN = [KEY, PERCENT, TWICE, THRICE, KEY.replace("f", "%5Cu0066", 1)]
# Every piece by which a reader would know it.
PIECES = ("Never4711", "4711Seen")


def is_free(text: str) -> bool:
    """Whether a text holds no piece of the key, however often it is read as an address."""
    for _ in range(4):
        if any(piece in text for piece in PIECES):
            return False
        text = unquote(text)
    return True


def seen_by_a_view(request, *, view=lambda request: HttpResponse()):
    """What is left of a request when a view gets it."""
    KeyGuard(lambda request: HttpResponse())(request)
    FieldGuard(lambda request: HttpResponse()).process_view(request, view, (), {})
    return request


class Words(KeylessForm):
    """Two fields, of which one must not be long."""

    title = forms.CharField(max_length=5)
    note = forms.CharField(required=False)


class Wanted(Filters):
    """One filter."""

    q = forms.CharField(required=False, max_length=60)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_query_is_freed_as_it_is_written_and_as_it_is_read(written):
    request = seen_by_a_view(RequestFactory().get(f"/a/?q=before+{written}+after&n=5&{written}=1"))
    assert request.GET["n"] == "5"
    assert request.GET["q"] == f"before {REPLACEMENT} after"
    assert fields_with_key(request.GET) == {"q"}
    for text in (request.get_full_path(), request.META["QUERY_STRING"], str(request.GET)):
        assert is_free(text)


def test_a_key_over_name_and_value_goes_as_well():
    request = seen_by_a_view(RequestFactory().get("/a/?fini_Never=4711SeenAgainXyz12345&q=1"))
    assert is_free(request.get_full_path())
    assert request.GET["q"] == "1"


@pytest.mark.parametrize("written", WRITTEN[:3])
def test_path_headers_and_cookies_are_freed(written):
    headers = {"User-Agent": f"agent {written}", "Referer": f"http://testserver/?q={written}"}
    headers |= {"HX-Current-URL": f"http://testserver/w/?q={written}", "Cookie": f"zone={written}; a=b"}
    request = seen_by_a_view(RequestFactory().get(f"/w/{written}/", headers=headers))
    for text in (
        request.path,
        request.path_info,
        str(request.META),
        str(request.COOKIES),
        str(request.headers),
    ):
        assert is_free(text)
    assert request.COOKIES["a"] == "b"
    assert request.headers["User-Agent"] == f"agent {REPLACEMENT}"


def test_what_holds_no_key_stays_the_very_same():
    request = RequestFactory().post("/a/?q=100%25&n=%66ini", {"a": ["1", "2"], "b": "fini_short"})
    query, sent = request.META["QUERY_STRING"], request.POST
    seen_by_a_view(request)
    assert request.META["QUERY_STRING"] == query
    assert request.POST is sent


FORMS = {
    "urlencoded": (f"title=a+{KEY}+b&note=fine&note={TWICE}&other=x", "application/x-www-form-urlencoded"),
    "multipart": ({"title": f"a {KEY} b", "note": ["fine", PERCENT], "other": "x"}, MULTIPART_CONTENT),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_field_keeps_what_stands_around_the_key_and_is_named(form):
    data, content_type = FORMS[form]
    request = seen_by_a_view(RequestFactory().post("/", data, content_type=content_type))
    assert dict(request.POST.lists()) == {
        "title": [f"a {REPLACEMENT} b"],
        "note": ["fine", REPLACEMENT],
        "other": ["x"],
    }
    assert fields_with_key(request.POST) == {"title", "note"}
    with pytest.raises(AttributeError):
        request.POST["title"] = "changed"


def test_a_field_that_the_view_takes_as_typed_stays_and_its_key_goes_from_the_others_however_short():
    view = as_typed("key")(lambda request: HttpResponse())
    data = {"key": '"Bearer fini_x7"', "label": "my fini_x7", "note": "fini_y8"}
    request = seen_by_a_view(RequestFactory().post("/", data), view=view)
    assert request.POST.dict() == {"key": '"Bearer fini_x7"', "label": f"my {REPLACEMENT}", "note": "fini_y8"}
    assert fields_with_key(request.POST) == {"label"}


def test_of_a_key_field_with_nothing_behind_the_prefix_nothing_follows_for_the_others():
    data = QueryDict("key=fini_&label=fini_admin")
    assert remove_keys(data, {"key"}) is data


def test_copies_know_the_names_too():
    data = remove_keys(QueryDict(f"title={KEY}"))
    assert (
        fields_with_key(copy(data))
        == fields_with_key(deepcopy(data))
        == fields_with_key(data.copy())
        == {"title"}
    )
    assert fields_with_key({"title": KEY}) == frozenset()


def test_a_body_that_is_too_large_is_not_read(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    request: Any = RequestFactory().post("/", {"title": "x" * 200})
    seen_by_a_view(request)
    assert not request._read_started


def test_the_form_base_refuses_the_field_that_held_one_and_no_other():
    form = Words(remove_keys(QueryDict(f"title=too+long+{KEY}&note=fine")))
    assert not form.is_valid()
    assert form.errors == {"title": [KEY_HERE]}
    assert form["title"].value() == f"too long {REPLACEMENT}"
    assert form.cleaned_data == {"note": "fine"}


def test_what_stands_in_place_of_a_key_is_refused_when_it_is_sent_again_and_can_be_searched_for():
    form = Words({"title": "a", "note": f"about {REPLACEMENT}"})
    assert form.errors == {"note": [MARK_HERE]}
    assert 'data-pattern="' in str(form["note"])
    assert Words({"title": "a", "note": "about it"}).is_valid()
    assert Wanted(QueryDict(urlencode({"q": REPLACEMENT}))).values() == {"q": REPLACEMENT}


def test_the_form_base_knows_its_fields_by_their_prefix():
    data = remove_keys(QueryDict(f"1-title=ab&2-title={KEY}"))
    assert Words(data, prefix="1").is_valid()
    assert not Words(data, prefix="2").is_valid()


def test_a_filter_that_held_one_counts_for_nothing_and_stands_in_no_link():
    filters = Wanted(remove_keys(QueryDict(f"q={KEY}")))
    assert filters.values() == {}
    assert filters.errors == {"q": [KEY_HERE]}
    assert filters.query(after="3") == "after=3"


def test_every_form_of_the_product_stands_on_the_base():
    def below(kind):
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    own = [one for one in below(forms.BaseForm) if one.__module__.startswith("fini_admin.")]
    assert len(own) > 20
    assert [one.__qualname__ for one in own if not issubclass(one, KeylessForm)] == []


def test_the_guard_stands_before_everything_that_answers():
    assert configured.MIDDLEWARE[0] == "fini_admin.web.key_guard.KeyGuard"
    names = [name.rpartition(".")[2] for name in configured.MIDDLEWARE]
    assert names.index("FieldGuard") < names.index("CsrfViewMiddleware")  # which reads the fields


REDIRECTING = [
    "/w/acme/sources/",
    "/w/acme/sources",
    "/",
    "/accounts/sessions/",
    "/accounts/2fa/activate/",
    "/nothing",
]


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("path", REDIRECTING)
def test_no_redirect_repeats_it(acme, path, written):
    client = Client()
    for asked in (
        f"{path}?q={written}",
        f"{path}?next=/w/?q={written}",
        f"{path}?{written}=1",
        f"/w/{written}",
    ):
        for headers in ({}, {"HX-Request": "true", "HX-Current-URL": f"http://testserver{asked}"}):
            answer = client.get(asked, headers=headers)
            assert is_free(str(dict(answer.items()))), asked
            assert is_free(answer.getvalue().decode()), asked
            assert answer.status_code in (301, 302, 404, 200)


def test_no_redirect_to_tls_repeats_it(settings, db):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(f"/w/acme/?q={PERCENT}&r={TWICE}")
    assert answer.status_code == 301
    assert is_free(answer["Location"])
    assert answer["Location"].startswith("https://testserver/w/acme/?q=")


@pytest.mark.parametrize("written", WRITTEN)
def test_who_logs_in_is_led_back_without_it(acme, written):
    people.member(acme, "viewer", "ada@example.com")
    client = Client()
    first = client.get(f"/w/acme/sources/?q=a+{written}&provider=notion")
    typed = {"login": "ada@example.com", "password": people.PASSWORD}
    answer = client.post(
        first["Location"], typed | {"next": parse_qs(urlsplit(first["Location"]).query)["next"][0]}
    )
    assert answer.status_code == 302
    assert is_free(answer["Location"])
    assert "provider=notion" in answer["Location"]
    page = client.get(answer["Location"])
    assert is_free(page.content.decode())


def test_a_password_that_looks_like_a_key_still_logs_in(acme):
    user = people.member(acme, "viewer", "ada@example.com")
    user.set_password(KEY)
    user.save()
    answer = Client().post("/accounts/login/", {"login": "ada@example.com", "password": KEY})
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("fini_************wxyz", "This key is masked"),
        ("fini_abcd••••••••wxyz", "This key is masked"),
        ("fini_abcdefghijkl…", "This key is masked"),
        ("fini_abcdefghijkl...", "This key is cut off"),
        ("fini_", "This key is cut off"),
        ("fini_abcdéfghijkl", "Character 10 of this key is not ASCII"),
        ("fini_" + "a" * 5_000, "A key has at most 4,096 characters"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_beside_its_field_and_comes_back_nowhere(acme, typed, said):
    people.member(acme, "admin", "ada@example.com")
    client = Client()
    client.post("/accounts/login/", {"login": "ada@example.com", "password": people.PASSWORD})
    answer = client.post("/w/acme/keys/", {"key": typed, "label": "main"})
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors["key"])
    assert typed == "fini_" or typed not in answer.content.decode()
    assert 'value="main"' in answer.content.decode()
    assert not ApiKey.objects.exists()
    assert not Entry.objects.filter(kind="key.added").exists()
