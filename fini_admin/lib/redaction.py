"""Keeping secrets out of the log and of error reports, in development as well (P5)."""

import logging
import os
import re
import sys
import traceback
from collections.abc import ItemsView, Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from fini_admin.lib import outage
from fini_admin.lib.key_text import without_keys

# `fini_admin.…` looks like a key; the product's own module names are kept.
PACKAGE = Path(__file__).resolve().parent.parent
MODULES = "|".join(sorted(path.stem for path in PACKAGE.iterdir() if path.stem[:1].isalpha()))
OWN = re.compile(rf"({PACKAGE.name}[./](?:{MODULES})\b)")
# Links that open something for whoever reads them in a log.
LINK = re.compile(
    r"(/invitations/)[\w-]{43}"
    r"|(/accounts/password/reset/key/[0-9A-Za-z]+-)[0-9a-z]+-[0-9a-f]{32}"
    r"|(/accounts/confirm-email/)[-:\w]{16,}",
    re.ASCII,
)


def redacted(text: str) -> str:
    """A text for the log or a report: without keys, and without the tokens of invitation and password links."""
    parts = OWN.split(text)
    keyless = (part if place % 2 else without_keys(part) for place, part in enumerate(parts))
    return LINK.sub(lambda found: f"{found[found.lastindex or 0]}[removed]", "".join(keyless))


class RedactedStream:
    """A text stream in which all that is written is redacted: standard error, where a command repeats its arguments."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(redacted(text))

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))


def print_unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The `sys.excepthook` of commands: writes an uncaught error to standard error, redacted as a whole.

    Wrong settings, an outage, and a folder or an output that cannot be written are one line, for the operator. Ctrl-C
    and a reader of the output that went away, as `head` does, are none.
    """
    unwritten = _drop_unwritten()
    if isinstance(error, KeyboardInterrupt | BrokenPipeError):
        return
    if isinstance(error, OSError) and unwritten and unwritten.errno == error.errno:
        said = f"Standard output cannot be written: {error.strerror}"
    else:
        said = line_for_operator(error) or "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(redacted(said.rstrip("\n")) + "\n")


def flush_output() -> None:
    """Write what standard output still holds, where there is one."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_unwritten() -> OSError | None:
    """What keeps standard output from being written, else None. Then the rest is dropped, or Python would try again."""
    try:
        flush_output()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def line_for_operator(error: BaseException) -> str:
    """The one line for an error that an operator can mend; empty for a fault of the program."""
    if isinstance(error, ImproperlyConfigured):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename and settings.configured:
        path = Path(os.fsdecode(error.filename))
        if path.is_relative_to(settings.VAR_DIR):
            return f"VAR_DIR cannot be used: {error.strerror}: {path}. Let this account write there."
    return outage.outage_line(error)


class DropOutages(logging.Filter):
    """A log filter that drops records of outages, which the worker reports once itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and outage.outage_of(record.exc_info[1]))


class LogFormatter(logging.Formatter):
    """Formats log lines, redacted: Django's lines hold URLs, and messages of errors hold anything.

    Names who sent the request, where that is known (web/accounts/authentication.py), and an outage in place of a
    traceback.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        person = getattr(getattr(record, "request", None), "asked_by", "")
        away = outage.outage_line(record.exc_info[1]) if record.exc_info else ""
        ends = (f" (asked by {person})" if person else "", f": {away}" if away else "")
        return super().formatMessage(record) + "".join(ends)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback; none for an outage."""
        return "" if outage.outage_of(ei[1]) else super().formatException(ei)

    def format(self, record: logging.LogRecord) -> str:
        """The whole record, redacted."""
        return redacted(super().format(record))


class ErrorReport(ExceptionReporter):
    """Django's error report, redacted as a whole: URLs, cookies, headers, source lines, messages."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redacted(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redacted(super().get_traceback_text()))


class _RedactedValue:
    """A value whose repr is redacted before the report cuts it: half a key would not be recognised."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return redacted(repr(self.value))


class ReportFilter(SafeExceptionReporterFilter):
    """Django's filter, also with DEBUG on, and with more names of settings and cookies to hide."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern
        + "|DSN|PROXY|DATABASE|EMAIL_URL|SESSIONID|^INVITATION$",
        re.IGNORECASE,
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """True: a development machine has real keys, too."""
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: _RedactedValue(value) for name, value in variables}.items()
