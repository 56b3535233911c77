import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.people import KEY

ROOT = Path(__file__).resolve().parent.parent
GOOD = {"SECRET_KEY": "a secret of the test", "ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(32)).decode()}
PRINT = "import django; django.setup(); from django.conf import settings; print(settings.{})"


def started(tmp_path, code, **variables):
    """A process with only these variables; an empty one counts as absent and hides what `.env` says."""
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "fini_admin.settings",
    }
    hidden = dict.fromkeys(["SECRET_KEY", "ENCRYPTION_KEYS", "DEBUG", "DATABASE_URL"], "")
    del hidden["DATABASE_URL"]
    return subprocess.run(
        [sys.executable, *code],
        cwd=ROOT,
        env=environment | hidden | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        ["manage.py", "migrate"],
        ["manage.py", "add_workspace", "acme", "--name", "Acme"],
        ["-c", "import fini_admin.wsgi"],
    ],
)
@pytest.mark.parametrize("absent", [("SECRET_KEY",), ("ENCRYPTION_KEYS",), ("SECRET_KEY", "ENCRYPTION_KEYS")])
def test_nothing_starts_without_its_secrets_and_what_is_missing_is_named(tmp_path, code, absent):
    given = {name: value for name, value in GOOD.items() if name not in absent}
    done = started(tmp_path, code, **given)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"{' and '.join(absent)} must be set" in last
    assert not any(value in done.stderr + done.stdout for value in given.values())


def test_a_process_starts_with_its_secrets(tmp_path):
    assert started(tmp_path, ["-c", PRINT.format("DEBUG")], **GOOD).stdout == "False\n"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "psql", "pgsql"])
def test_the_wake_ups_go_to_the_same_postgresql_however_it_is_written(tmp_path, scheme):
    code = "from django.conf import settings as s; print(s.HUEY['dsn'], s.DATABASES['default']['NAME'])"
    done = started(tmp_path, ["-c", code], **GOOD, DATABASE_URL=f"{scheme}://ada:a%40b@db.example:5433/fini")
    assert done.stdout == "postgresql://ada:a%40b@db.example:5433/fini fini\n"


def test_a_secret_may_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("a secret in a file\n")
    done = started(
        tmp_path,
        ["-c", PRINT.format("SECRET_KEY")],
        **GOOD | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(file)},
    )
    assert done.stdout == "a secret in a file\n"


def test_a_warning_is_a_line_of_the_log_and_searched_for_keys(tmp_path):
    code = f"import django; django.setup(); import warnings; warnings.warn('here is {KEY}')"
    done = started(tmp_path, ["-c", code], **GOOD)
    assert "UserWarning: here is [key removed]" in done.stderr
    assert KEY not in done.stderr


def test_collectstatic_needs_no_secret(tmp_path):
    done = started(tmp_path, ["manage.py", "collectstatic", "--noinput"])
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "static" / "css").glob("base.*.css"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "ture"),
        ("ENCRYPTION_KEYS", "too-short"),
        ("ENCRYPTION_KEYS", f"{GOOD['ENCRYPTION_KEYS']},{GOOD['ENCRYPTION_KEYS']}"),
        ("FINI_CALLS_PER_MINUTE", "0"),
        ("FINI_BATCH_SIZE", "501"),
        ("FINI_TIMEOUT", "30s"),
        ("FINI_API_BASE_URL", "http://api.example"),
        ("TRUSTED_PROXIES", "-1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_an_error_that_names_it(tmp_path, name, value):
    done = started(tmp_path, ["-c", "import fini_admin.settings"], **GOOD | {name: value})
    assert done.returncode != 0
    assert name in done.stderr.strip().splitlines()[-1]
    if name == "ENCRYPTION_KEYS":
        assert value not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://fini:SECRETpart@db/fini"),
        ("DATABASE_URL", "//fini:SECRETpart@db/fini"),
        ("DATABASE_URL", "postgres://fini:SECRETpart/rest@db/fini"),
        ("EMAIL_URL", "nonsense"),
        ("EMAIL_URL", "smtp://me:SECRETpart/rest@mail:25"),
        ("FINI_API_BASE_URL", "https://[::1"),
        ("FINI_API_BASE_URL", "https://a.example:x"),
        ("FINI_API_BASE_URL", "https://a.example:99999"),
        ("FINI_PROXY", "http://me:SECRETpart/rest@proxy:3128"),
        ("CSRF_TRUSTED_ORIGINS", "https://[::1"),
        ("CSRF_TRUSTED_ORIGINS", "https://a.example:x"),
    ],
)
def test_a_wrong_address_is_one_line_that_names_it_without_its_secret(tmp_path, name, value):
    done = started(tmp_path, ["manage.py", "help", "add_key"], **GOOD | {name: value})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert name in done.stderr
    assert "SECRETpart" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("SECURE_SSL_REDIRECT", "True"),
        ("SESSION_COOKIE_SECURE", "True"),
        ("CSRF_COOKIE_SECURE", "True"),
        ("ALLOWED_HOSTS", "[]"),
        ("TRUSTED_PROXIES", "0"),
        ("SECURE_PROXY_SSL_HEADER", "None"),
    ],
)
def test_an_installation_is_strict_unless_told_otherwise(tmp_path, setting, expected):
    assert started(tmp_path, ["-c", PRINT.format(setting)], **GOOD).stdout == f"{expected}\n"


def test_every_start_warns_of_an_encryption_key_that_everybody_knows(tmp_path):
    own = {name: value for name, value in GOOD.items() if name != "ENCRYPTION_KEYS"}
    for code in (["manage.py", "migrate"], ["manage.py", "check"]):
        assert "ENCRYPTION_KEYS is not set" in started(tmp_path, code, **own, DEBUG="yes").stderr
    assert (
        "ENCRYPTION_KEYS is not set"
        not in started(tmp_path, ["manage.py", "check"], **GOOD, DEBUG="yes").stderr
    )
