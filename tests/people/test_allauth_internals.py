"""What we use of allauth without its promise: each use fails here when an update takes it away or changes it."""

import ast
import base64
import time
from collections.abc import Callable
from inspect import getmro, signature
from pathlib import Path

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.account.views import ConfirmEmailView
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.views import ActivateTOTPView
from django import forms
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.http import HttpRequest
from django.template.loader import get_template
from django.test import Client, RequestFactory
from django.views.generic.edit import FormView

import fini_admin
from fini_admin.people import allauth_internals, letters, second_factor
from fini_admin.people.sealing import open_sealed
from fini_admin.web.accounts import adapters, challenge
from fini_admin.web.accounts import forms as our_forms
from fini_admin.web.accounts import views as our_views
from fini_admin.workspaces.models import User
from tests.support.cpu import lateness
from tests.support.log_ins import ADDRESS, code, enrol, log_in, signed_in

PACKAGE = Path(fini_admin.__file__).parent
# The modules that allauth publishes, by their last name.
PUBLISHED = {"adapter", "forms", "models", "signals", "views", "decorators", "exceptions", "constants"}


@pytest.fixture
def request_of(db) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")
    request.session = SessionStore()
    return request


def unpublished(text: str) -> list[str]:
    """What a module imports from allauth that is in none of the published modules."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "allauth":
            found += [[*node.module.split("."), name.name] for name in node.names]
        elif isinstance(node, ast.Import):
            found += [[*name.name.split("."), ""] for name in node.names if name.name.startswith("allauth")]
    return [".".join(parts) for parts in found if "internal" in parts or not PUBLISHED & set(parts[-2:])]


def test_one_module_uses_what_allauth_does_not_publish():
    paths = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
    using = {path: unpublished(text) for path, text in paths.items()}
    assert [path for path, found in using.items() if found] == ["people/allauth_internals.py"]
    # Its marks on a request, and what it keeps for itself in rows and sessions.
    for mark in (
        "_login_stage",
        "_get_login_attempts_cache_key",
        "used_mask",
        "account_authentication_methods",
    ):
        assert {path for path, text in paths.items() if mark in text} <= {"people/allauth_internals.py"}, mark


def test_the_check_sees_what_is_internal():
    for line in (
        "from allauth.core.internal import ratelimit",
        "from allauth.core import context",
        "from allauth.account.internal.views import anything",
        "import allauth.account.internal.flows",
    ):
        assert unpublished(line), line
    for line in ("from allauth.mfa.models import Authenticator", "from allauth.account import signals as it"):
        assert not unpublished(line), line


class TestRecords:
    def test_what_is_recorded_is_read_back_in_order(self, request_of, ada):
        allauth_internals.record_authentication(request_of, ada, "password")
        allauth_internals.record_authentication(request_of, ada, "socialaccount", reauthenticated=True)
        first, second = allauth_internals.authentication_records(request_of, ada)
        assert first["method"] == "password"
        assert time.time() - first["at"] < 5 * lateness()
        assert (second["method"], second["reauthenticated"]) == ("socialaccount", True)

    def test_a_log_in_with_a_code_says_its_type(self, client, ada):
        log_in(client)
        secret, _ = enrol(client)
        client.post("/accounts/logout/")
        log_in(client)
        client.post("/accounts/2fa/code/", {"code": code(secret, 1)})
        request = RequestFactory().get("/")
        request.session = client.session
        records = allauth_internals.authentication_records(request, ada)
        assert [(record["method"], record.get("type")) for record in records] == [
            ("password", None),
            ("mfa", "totp"),
        ]

    def test_a_log_in_that_has_begun_is_forgotten(self, client, ada):
        log_in(client)
        enrol(client)
        client.post("/accounts/logout/")
        log_in(client)
        request = RequestFactory().get("/")
        request.session = client.session
        assert "account_login" in request.session
        allauth_internals.forget_log_in(request)
        assert "account_login" not in request.session
        assert allauth_internals.authentication_records(request, ada) == []

    def test_a_new_person_is_logged_in_by_a_password(self):
        assert list(signature(perform_password_login).parameters) == [
            "request",
            "credentials",
            "login",
        ]
        login = Login(user=User(email=ADDRESS), redirect_url="/w/acme/")
        assert (login.user.email, login.redirect_url, login.state) == (ADDRESS, "/w/acme/", {})


class TestRequests:
    def test_hooks_find_the_request_that_they_are_called_in(self, request_of):
        with context.request_context(request_of):
            assert allauth_internals.current_request() is request_of

    def test_where_a_request_comes_from(self, request_of, settings):
        assert allauth_internals.client_ip(request_of) == "192.0.2.7"
        behind = RequestFactory().get(
            "/", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.1, 198.51.100.2"
        )
        assert allauth_internals.client_ip(behind) == "192.0.2.7"
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        assert allauth_internals.client_ip(behind) == "198.51.100.2"
        assert allauth_internals.client_ip(RequestFactory().get("/", REMOTE_ADDR="")) == ""

    @pytest.mark.parametrize(
        ("asked", "led"), [("", ""), ("/w/acme/", "/w/acme/"), ("https://elsewhere.example/", "")]
    )
    def test_a_page_to_be_led_to_is_one_of_this_host(self, asked, led):
        request = RequestFactory().get("/", {"next": asked} if asked else {})
        with context.request_context(request):
            assert allauth_internals.next_url(request) == led

    def test_a_view_of_allauths_leads_on_and_passes_the_page_on(self):
        for name in ("get_next_url", "passthrough_next_url"):
            assert callable(getattr(allauth_internals.NextRedirectMixin, name)), name


class TestRates:
    def test_tries_are_counted_against_the_settings(self, request_of, ada, settings):
        settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"second_factor": "2/d/key"}
        request_of.method = "POST"

        def counted(key: str) -> Callable[[], None] | None:
            return allauth_internals.counted_try(request_of, "second_factor", key=key)

        take_back, second, third = counted("a"), counted("a"), counted("a")
        assert (bool(second), third) == (True, None)
        assert counted("b")
        assert take_back
        take_back()
        assert counted("a")
        assert not counted("a")

    def test_a_rate_of_its_own_counts_looking_too(self, request_of):
        cache.clear()
        tries = [allauth_internals.within_own_rate(request_of, "test", "2/m/ip") for _ in range(3)]
        assert tries == [True, True, False]

    def test_too_many_is_a_page_with_429(self, request_of, client):
        request_of.user = User()
        assert allauth_internals.too_many(request_of).status_code == 429

    def test_failed_log_ins_are_counted_by_the_address_alone(self, request_of):
        ours = adapters.AccountAdapter(request_of)
        counted = ours._get_login_attempts_cache_key(request_of, email="Ada@Example.com", password="x")
        assert counted == ADDRESS
        assert getmro(adapters.AccountAdapter)[1] is allauth_internals.CountedByAddress
        theirs = DefaultAccountAdapter._get_login_attempts_cache_key
        assert list(signature(theirs).parameters) == ["self", "request", "credentials"]
        assert "_get_login_attempts_cache_key" in DefaultAccountAdapter.pre_authenticate.__code__.co_names


class TestSecondFactor:
    def test_a_secret_is_twenty_random_bytes(self):
        one, other = allauth_internals.new_totp_secret(), allauth_internals.new_totp_secret()
        assert len(base64.b32decode(one)) == len(base64.b32decode(other)) == 20
        assert one != other

    def test_spaces_and_punctuation_of_a_code_do_not_count(self):
        assert allauth_internals.normalized_code(" 123-456 ") == "123456"

    def test_rows_hold_their_secrets_under_these_names(self, client, ada):
        log_in(client)
        secret, _ = enrol(client)
        rows = {row.type: row.data for row in Authenticator.objects.filter(user=ada)}
        totp, codes = rows[Authenticator.Type.TOTP], rows[Authenticator.Type.RECOVERY_CODES]
        assert (set(totp), set(codes)) == ({"secret"}, {"seed", "used_mask", "viewed_at"})
        assert open_sealed(totp["secret"], user=ada.pk) == secret
        assert open_sealed(codes["seed"], user=ada.pk)
        assert set(allauth_internals.SECRETS) == {"secret", "seed"}

    def test_used_codes_are_counted_and_who_logs_in_is_known_to_the_code(self, client, ada):
        log_in(client)
        _, codes = enrol(client)
        assert second_factor.second_factor(ada).codes_left == 10
        for used, one in enumerate(codes[:2], start=1):
            client.post("/accounts/logout/")
            log_in(client)
            # Opened for `person_logging_in`: for anybody else the codes would not open.
            client.post("/accounts/2fa/code/", {"code": one})
            assert signed_in(client)
            assert second_factor.second_factor(ada).codes_left == 10 - used

    def test_a_secret_that_is_set_up_is_never_kept_as_it_is(self, client: Client, ada):
        log_in(client)
        client.get("/accounts/2fa/activate/")
        assert {name for name in client.session.keys() if "totp" in name or "factor" in name} == {  # noqa: SIM118 - a session cannot be iterated
            second_factor.PENDING
        }

    def test_what_our_classes_step_over_does_no_more_than_we_know(self):
        """They call the class above allauth's: what that did would be missed."""
        assert ActivateTOTPForm.__mro__[1] is forms.Form
        assert ActivateTOTPForm.__init__.__code__.co_names == (
            "pop",
            "user",
            "super",
            "__init__",
            "auth",
            "get_totp_secret",
            "is_bound",
            "secret",
        )
        assert GenerateRecoveryCodesView.__mro__[1] is FormView
        assert "unused_code_count" in GenerateRecoveryCodesView.get_context_data.__code__.co_consts


# Hooks and views of allauth's that we extend: one that goes by another name would be called no more.
OURS = [
    *(value for value in vars(adapters).values() if isinstance(value, type)),
    *(value for value in vars(our_forms).values() if isinstance(value, type)),
    *(value for value in vars(our_views).values() if isinstance(value, type)),
]
OWN = {"grouped_secret"}  # what templates of ours ask a form for


def extended() -> list[tuple[type, type]]:
    """Each class of ours with the class of allauth's that it extends."""
    return [
        (ours, theirs)
        for ours in OURS
        if ours.__module__.startswith("fini_admin")
        for theirs in ours.__mro__
        if theirs.__module__.startswith("allauth") and theirs.__name__ != "NextRedirectMixin"
    ]


def test_every_hook_that_we_write_is_one_that_allauth_calls():
    pairs = extended()
    assert len({ours for ours, _ in pairs}) > 12
    for ours in {ours for ours, _ in pairs}:
        hooks = {
            name for name, value in vars(ours).items() if callable(value) and not name.startswith("__")
        } - OWN
        theirs = {name for _, one in pairs for name in dir(one) if issubclass(ours, one)}
        assert hooks <= theirs, (ours, hooks - theirs)


def test_allauths_attributes_that_we_read_are_there():
    assert "did_generate_recovery_codes" in ActivateTOTPView.form_valid.__code__.co_names
    assert "authenticator" in AuthenticateForm.clean_code.__code__.co_names
    assert callable(ConfirmEmailView.logout_other_user)


def test_the_ways_to_show_who_one_is_have_these_names(client, ada):
    log_in(client)
    enrol(client)
    request = client.get("/accounts/2fa/").wsgi_request
    with context.request_context(request):
        found = adapters.AccountAdapter(request).get_reauthentication_methods(request.user)
    assert {one["id"] for one in found} == set(challenge.WAYS) - {"provider"}
    assert all(one["url"] and one["description"] for one in found)


@pytest.mark.parametrize("name", sorted({*letters.TOLD, *letters.LINKED} - {letters.CODE_AGAIN}))
def test_each_mail_is_one_that_allauth_sends(name):
    assert get_template(f"{name}_subject.txt")
