"""What the environment says of people; each in a process of its own."""

import pytest

from tests.test_settings import GOOD, PRINT, started

PROVIDER = {
    "OIDC_SERVER_URL": "https://login.acme.example/realms/staff/",
    "OIDC_CLIENT_ID": "fini-admin",
    "OIDC_CLIENT_SECRET": "s3cret of the provider",
}
FORM_ACTION = PRINT.format("CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action']")


def said(tmp_path, code, **variables) -> str:
    done = started(tmp_path, ["-c", code], **GOOD | variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_forms_lead_to_the_provider_only_where_there_is_one(tmp_path):
    assert said(tmp_path, FORM_ACTION) == """["'self'"]"""
    assert said(tmp_path, FORM_ACTION, **PROVIDER) == """["'self'", 'https://login.acme.example']"""
    more = PROVIDER | {"OIDC_ORIGINS": "https://idp.acme.example, https://other.example:8443"}
    assert said(tmp_path, FORM_ACTION, **more).endswith(
        "'https://idp.acme.example', 'https://other.example:8443']"
    )


def test_the_secret_may_come_from_a_file_and_another_provider_has_another_name(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    given = PROVIDER | {"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_SECRET_FILE": str(file)}
    print_both = PRINT.format("OIDC_CLIENT_SECRET") + "; print(settings.OIDC_ID, settings.OIDC_NAME)"
    secret, name = said(tmp_path, print_both, **given).splitlines()
    assert secret == "from a file"
    assert name.startswith("login-acme-example-realms-staff-")
    assert name.endswith(" the company log-in")
    other = said(
        tmp_path, print_both, **given | {"OIDC_SERVER_URL": "https://login.acme.example/realms_staff"}
    )
    assert other.splitlines()[1] != name


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"OIDC_SERVER_URL": "https://login.acme.example"}, "OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
        (PROVIDER | {"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET"),
        (PROVIDER | {"OIDC_SERVER_URL": "http://login.acme.example"}, "OIDC_SERVER_URL"),
        (PROVIDER | {"OIDC_ORIGINS": "https://idp.acme.example/path"}, "OIDC_ORIGINS"),
        (PROVIDER | {"OIDC_ORIGINS": "*"}, "OIDC_ORIGINS"),
        ({"SESSION_HOURS": "0"}, "SESSION_HOURS"),
        ({"SESSION_IDLE_MINUTES": "an hour"}, "SESSION_IDLE_MINUTES"),
        ({"SECOND_FACTOR_REQUIRED": "admins"}, "SECOND_FACTOR_REQUIRED"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_names_it(tmp_path, wrong, named):
    done = started(tmp_path, ["-c", "import fini_admin.settings"], **GOOD | wrong)
    assert done.returncode != 0
    assert named in done.stderr.strip().splitlines()[-1]
    assert PROVIDER["OIDC_CLIENT_SECRET"] not in done.stderr


def test_time_outs_and_second_factor_have_their_defaults(tmp_path):
    three = "(settings.SESSION_COOKIE_AGE, settings.SESSION_IDLE_SECONDS, settings.SECOND_FACTOR_REQUIRED)"
    code = f"import django; django.setup(); from django.conf import settings; print({three})"
    assert said(tmp_path, code) == "(43200, 1800, False)"
    given = {"SESSION_HOURS": "8", "SESSION_IDLE_MINUTES": "15", "SECOND_FACTOR_REQUIRED": "yes"}
    assert said(tmp_path, code, **given) == "(28800, 900, True)"
