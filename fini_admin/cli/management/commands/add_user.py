"""`manage.py add_user EMAIL --role ROLE --workspace SLUG [--superuser]`, password from standard input."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from fini_admin.cli import base as commands
from fini_admin.workspaces import validators
from fini_admin.workspaces.members import add_member, add_user
from fini_admin.workspaces.models import Role, User


class Command(commands.Command):
    """Add a person, or add a known one to a workspace."""

    help = (
        "Add a person who can log in at once; the password comes from standard input. A known address only gets the "
        "membership, and no password is read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="the address to log in with")
        parser.add_argument("--role", choices=Role.values, help="the role in the workspace")
        parser.add_argument("--workspace", metavar="SLUG", help="the workspace; goes with --role")
        parser.add_argument(
            "--superuser", action="store_true", help="a new person who administers all workspaces"
        )
        parser.add_argument("--name", default="", help="the person's name")

    def handle(
        self, *, email: str, role: str | None, workspace: str | None, superuser: bool, **options: Any
    ) -> None:
        """Add person and membership in one transaction, which begins when the password is known.

        On SQLite a transaction keeps everyone else from writing, and somebody may think about a password for long.
        """
        if bool(role) != bool(workspace):
            raise CommandError("--role and --workspace go together")
        if not (workspace or superuser):
            raise CommandError("say --role and --workspace, or --superuser")
        place = commands.workspace_or_error(workspace) if workspace else None
        user = User.objects.filter(email=validators.email_address(email)).first()
        if user and superuser and not user.is_superuser:
            raise CommandError(f"{user} is known already; --superuser is for a new address")
        password = "" if user else commands.read_secret_from_stdin("Password")
        with transaction.atomic():
            user = user or add_user(
                by=commands.by(), email=email, password=password, name=options["name"], superuser=superuser
            )
            if place and role:
                add_member(by=commands.by(), workspace=place, user=user, role=role)
        self.stdout.write(f"{user} is {role} of {place}." if place else f"{user} is a superuser.")
