"""What the log and error reports may hold: no secret, in development as little as anywhere (P5)."""

import logging
import os
import re
import sys
import traceback
from collections.abc import ItemsView
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from fini_admin.lib import outage
from fini_admin.lib.key_text import without_keys

# Our own modules' names would look like keys.
PACKAGE = Path(__file__).resolve().parent.parent
MODULES = "|".join(sorted(path.stem for path in PACKAGE.iterdir() if path.stem[:1].isalpha()))
OWN = re.compile(rf"({PACKAGE.name}[./](?:{MODULES})\b)")
# What a mail's or an invitation's link carries: who reads it in a log may use it.
LINK = re.compile(
    r"(/invitations/)[\w-]{43}"
    r"|(/accounts/password/reset/key/[0-9A-Za-z]+-)[0-9a-z]+-[0-9a-f]{32}"
    r"|(/accounts/confirm-email/)[-:\w]{16,}",
    re.ASCII,
)


def shown(text: str) -> str:
    """A text that leaves the product for its operator: without keys, and without what opens a door by a link."""
    parts = OWN.split(text)
    keyless = (part if place % 2 else without_keys(part) for place, part in enumerate(parts))
    return LINK.sub(lambda found: f"{found[found.lastindex or 0]}[removed]", "".join(keyless))


def print_unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """In the place of `sys.excepthook`: what a command does not catch, on standard error, as the log would show it.

    What the operator sees to, wrong settings, an outage, a folder that cannot be written, is one line.
    """
    said = operators_line(error) or "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(shown(said.rstrip("\n")) + "\n")


def operators_line(error: BaseException) -> str:
    """What an error says to the operator, on one line; empty for a fault of the program."""
    if isinstance(error, ImproperlyConfigured):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename and settings.configured:
        path = Path(os.fsdecode(error.filename))
        if path.is_relative_to(settings.VAR_DIR):
            return f"VAR_DIR cannot be used: {error.strerror}: {path}. Let this account write there."
    return outage.in_a_line(error)


class NoOutage(logging.Filter):
    """Leaves out what only says that the database is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record stays."""
        return not (record.exc_info and outage.outage_of(record.exc_info[1]))


class Line(logging.Formatter):
    """A line of the log. Django's own lines hold addresses, and errors' texts hold anything.

    What was refused or failed names who asked for it, where that is known (web/accounts/authentication.py).
    A database that is away is said behind the line: no traceback tells more.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """As everywhere; a traceback comes below."""
        person = getattr(getattr(record, "request", None), "asked_by", "")
        away = outage.in_a_line(record.exc_info[1]) if record.exc_info else ""
        ends = (f" (asked by {person})" if person else "", f": {away}" if away else "")
        return super().formatMessage(record) + "".join(ends)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback; none of an outage."""
        return "" if outage.outage_of(ei[1]) else super().formatException(ei)

    def format(self, record: logging.LogRecord) -> str:
        """As everywhere; the whole line is searched, the traceback below it too."""
        return shown(super().format(record))


class Report(ExceptionReporter):
    """Django's error report, searched as a whole: addresses, cookies, headers, source lines, the error's own text."""

    def get_traceback_html(self) -> SafeString:
        """As a page."""
        return SafeString(shown(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """As text, for a mail."""
        return SafeString(shown(super().get_traceback_text()))


class Whole:
    """A value as a report shows it, searched before the report cuts it: part of a key looks like none."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return shown(repr(self.value))


class ReportFilter(SafeExceptionReporterFilter):
    """Django's filter, also with DEBUG on, and for what holds a password or opens a door without being named so."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern
        + "|DSN|PROXY|DATABASE|EMAIL_URL|SESSIONID|^INVITATION$",
        re.IGNORECASE,
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always: a development machine holds real keys too."""
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        """A frame's variables: a long one is cut, and bytes are broken into lines."""
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: Whole(value) for name, value in variables}.items()
