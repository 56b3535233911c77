import io
import os
import pwd
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError, connection

from fini_admin.audit.names import By, Origin
from fini_admin.cli import base
from fini_admin.workspaces import vault
from fini_admin.workspaces.models import ApiKey, KeyState, Membership, User, Workspace
from tests.support import people

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["add_workspace", "add_user", "add_key"]


class Stdin(io.StringIO):
    """Standard input that nobody may read."""

    def read(self, *_):
        raise AssertionError("standard input was read")


@pytest.fixture
def typed(monkeypatch):
    """Put a text on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def said(capsys, monkeypatch):
    """Run a command as from the command line: its exit code, standard output, standard error."""
    # A command closes the connections at its end; the test's transaction lives in one.
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)

    def run(*argv):
        code = 0
        try:
            command(argv[0]).run_from_argv(["manage.py", *argv])
        except SystemExit as end:
            code = int(end.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def command(name):
    return load_command_class(get_commands()[name], name)


def assert_refused(result, *words):
    code, out, err = result
    assert (code, out, err.count("\n")) == (1, "", 1), result
    assert all(word in err for word in words), err


def operator():
    return f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"


def test_add_workspace_makes_one_in_the_operators_name(db, said):
    assert said("add_workspace", "acme", "--name", "Acme")[0] == 0
    workspace = Workspace.objects.get()
    assert (workspace.slug, workspace.name) == ("acme", "Acme")
    assert people.trail(workspace) == [("workspace.created", operator(), {"slug": "acme", "name": "Acme"})]


def test_add_workspace_says_why_not(db, said):
    people.workspace("acme")
    assert_refused(said("add_workspace", "acme", "--name", "Acme"), "acme already")
    assert_refused(said("add_workspace", "Acme", "--name", "Acme"), "lower-case")
    assert_refused(said("add_workspace", "two", "--name", people.KEY), "looks like an API key")
    assert Workspace.objects.count() == 1


def test_add_user_makes_a_member_with_the_password_from_standard_input(db, said, typed):
    acme = people.workspace()
    typed(f"{people.PASSWORD}\n")
    code, out, err = said("add_user", "Bob@Example.com", "--role", "editor", "--workspace", "acme")
    assert (code, out, err) == (0, "bob@example.com is editor of acme.\n", "")
    membership = Membership.objects.get()
    assert (membership.workspace, membership.role) == (acme, "editor")
    assert membership.user.check_password(people.PASSWORD)
    assert [row[:2] for row in people.trail()] == [("user.added", operator())]
    assert people.trail(acme)[-1] == (
        "member.added",
        operator(),
        {"email": "bob@example.com", "role": "editor"},
    )


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_only_the_last_lines_end_is_no_part_of_a_password(db, said, typed, ending):
    typed(f" {people.PASSWORD} {ending}")
    assert said("add_user", "bob@example.com", "--superuser")[0] == 0
    assert User.objects.get().check_password(f" {people.PASSWORD} ")


def test_a_known_address_only_gets_the_membership_and_no_password_is_read(db, said, monkeypatch):
    people.workspace()
    bob = people.user("bob@example.com")
    monkeypatch.setattr(sys, "stdin", Stdin())
    assert said("add_user", "BOB@example.com", "--role", "viewer", "--workspace", "acme")[0] == 0
    assert Membership.objects.get().user == bob
    bob.refresh_from_db()
    assert bob.check_password(people.PASSWORD)


def test_a_superuser_needs_no_workspace(db, said, typed):
    typed(people.PASSWORD)
    assert said("add_user", "root@example.com", "--superuser") == (
        0,
        "root@example.com is a superuser.\n",
        "",
    )
    assert User.objects.get().is_superuser
    assert people.trail()[0][2] == {"email": "root@example.com", "superuser": True}


def test_add_user_says_why_not_and_makes_nobody(db, said, typed):
    people.workspace()
    place = ("--role", "viewer", "--workspace", "acme")
    typed("short")
    assert_refused(said("add_user", "bob@example.com", *place), "password", "12 characters")
    typed("")
    assert_refused(said("add_user", "bob@example.com", *place), "password")
    typed(people.PASSWORD)
    assert_refused(said("add_user", "bob", *place), "e-mail address")
    assert_refused(said("add_user", "bob@example.com"), "--role", "--superuser")
    assert_refused(said("add_user", "bob@example.com", "--role", "viewer"), "go together")
    assert_refused(said("add_user", "bob@example.com", "--workspace", "acme"), "go together")
    assert_refused(said("add_user", "bob@example.com", "--role", "viewer", "--workspace", "no"), "'no'")
    assert_refused(said("add_user", "bob@example.com", "--role", "owner", "--workspace", "acme"), "owner")
    assert not User.objects.exists()


def test_a_known_address_does_not_become_a_superuser_unasked(db, said):
    people.user("bob@example.com")
    assert_refused(said("add_user", "bob@example.com", "--superuser"), "known already")
    assert not User.objects.get().is_superuser


def test_add_key_seals_the_key_from_standard_input_and_never_prints_it(db, said, typed):
    acme = people.workspace()
    typed(f"{people.KEY}\n")
    code, out, err = said("add_key", "acme", "--label", "main")
    assert (code, out, err) == (0, "Key main added to acme: live.\n", "")
    key = ApiKey.objects.get()
    assert (key.workspace, key.state, key.created_by) == (acme, KeyState.LIVE, operator())
    assert vault.open_key(key).reveal() == people.KEY
    typed("fini_next")
    assert (
        said("add_key", "acme", "--label", "next")[1]
        == "Key next added to acme: waiting to be switched to.\n"
    )


def test_add_key_says_why_not_and_never_repeats_the_key(db, said, typed):
    people.workspace()
    people.key(Workspace.objects.get(), "main", "fini_first")
    typed(people.KEY)
    results = [said("add_key", "nowhere", "--label", "next")]
    typed(people.KEY)
    results.append(said("add_key", "acme", "--label", "main"))
    typed(people.KEY)
    results.append(said("add_key", "acme", "--label", people.KEY))
    typed(f"{people.KEY} and more")
    results.append(said("add_key", "acme", "--label", "next"))
    typed("")
    results.append(said("add_key", "acme", "--label", "next"))
    for result, word in zip(results, ["'nowhere'", "label", "label", "white space", "fini_"], strict=True):
        assert_refused(result, word)
        assert people.KEY not in result[2]
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("name", NAMES)
def test_wrong_arguments_are_one_line_and_exit_1(name, said):
    assert_refused(said(name), "required")
    assert_refused(said(name, "a", "--no-such-option"))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name, said):
    code, out, err = said(name, "--help")
    assert (code, err) == (0, "")
    assert "usage:" in out
    assert command(name).help.split()[0] in out


def test_what_is_known_to_go_wrong_becomes_one_line():
    for error in (
        ValidationError(["two\nlines", "more"]),
        vault.SealBroken("a\nb"),
        OperationalError("no\ntable"),
    ):

        class Failing(base.Command):
            def handle(self, *args, error=error, **options):
                raise error

        with pytest.raises(CommandError) as found:
            call_command(Failing())
        assert "\n" not in str(found.value)


def test_a_terminal_is_asked_without_echo(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("echoed"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"typed at {prompt}")
    assert base.read_secret_from_stdin("API key") == "typed at API key: "


def test_standard_input_that_is_no_text_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"fini_\xff"), encoding="utf-8"))
    with pytest.raises(CommandError, match="not UTF-8"):
        base.read_secret_from_stdin("API key")


def test_the_operator_is_the_processes_user_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert base.by() == By(operator(), Origin.COMMAND_LINE)


@pytest.mark.django_db(transaction=True)
def test_nobody_is_kept_from_writing_while_a_password_is_typed(said, monkeypatch):
    class Slow(io.StringIO):
        def read(self, *given):
            assert not connection.in_atomic_block
            return super().read(*given)

        def readline(self, *given):
            assert not connection.in_atomic_block
            return super().readline(*given)

    people.workspace()
    monkeypatch.setattr(sys, "stdin", Slow(people.PASSWORD))
    assert said("add_user", "ada@example.com", "--role", "viewer", "--workspace", "acme")[0] == 0
    assert Membership.objects.get().user.check_password(people.PASSWORD)
