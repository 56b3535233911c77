"""A call as a curl command: quoted for a POSIX shell, the same bytes, and no key in it."""

import hashlib
import shlex

from django.conf import settings

from fini_admin.audit.models import Entry

KEY = '-H "Authorization: Bearer $FINI_API_KEY"'
# Linux takes no longer argument than 128 KiB; the shell's own printf has no such limit.
LONGEST_ARGUMENT = 100_000


def command(entry: Entry, body: str) -> str:
    """The command that sends an entry's request again; the key comes from the environment's FINI_API_KEY."""
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
    """Whether the kept body is what was sent, byte for byte: not cut, and without a key that was replaced."""
    return hashlib.sha256(body.encode()).hexdigest() == entry.request_sha256
