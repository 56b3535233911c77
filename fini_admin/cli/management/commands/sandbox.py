"""`manage.py sandbox`: serve the emulated Fini."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fini_admin.sandbox import options as command_line


class Command(BaseCommand):
    """Runs the sandbox until it is stopped; touches no database."""

    help = command_line.DESCRIPTION
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help text."""
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, epilog=command_line.EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        command_line.add_arguments(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            command_line.run(options)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
