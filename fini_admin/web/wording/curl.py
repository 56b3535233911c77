"""A call as a curl command for a POSIX shell, with the same bytes and without the key."""

import hashlib
import shlex

from django.conf import settings

from fini_admin.audit.models import Entry

KEY = '-H "Authorization: Bearer $FINI_API_KEY"'
# Linux limits an argument to 128 KiB; the shell's builtin printf has no limit.
LONGEST_ARGUMENT = 100_000


def command(entry: Entry, body: str) -> str:
    """The command that repeats a request; it reads the key from the variable FINI_API_KEY."""
    parts = [
        f"curl --globoff --request {shlex.quote(entry.method or 'GET')}",
        KEY,
        "-H 'Accept: application/json'",
    ]
    if body:
        parts.append("-H 'Content-Type: application/json'")
    long = len(body.encode()) > LONGEST_ARGUMENT
    if body:
        parts.append("--data-binary @-" if long else f"--data-raw {shlex.quote(body)}")
    parts.append(shlex.quote(settings.FINI_API_BASE_URL + (entry.path or "")))
    text = " \\\n  ".join(parts)
    return f"printf %s {shlex.quote(body)} |\n{text}" if long else text


def is_exact(entry: Entry, body: str) -> bool:
    """Whether the recorded body is what was sent, byte for byte: neither cut, nor with a key replaced."""
    return hashlib.sha256(body.encode()).hexdigest() == entry.request_sha256
