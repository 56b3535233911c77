"""Settings from the environment, read strictly: a typo raises ImproperlyConfigured and is never a silent default."""

import base64
import binascii
import hashlib
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
DATABASES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
_URL = "{}://user:password@host:port (with what is special in a password in percent signs)"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def flag(name: str) -> bool:
    """A boolean, False if it is not set; `env.bool` would read any typo as False."""
    word = text(name, "false").lower()
    if word not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}={word!r} is neither yes nor no")
    return word in TRUE


def text(name: str, default: str = "") -> str:
    """A text, unchanged but stripped; `env.str` would read a value that begins with `$` as another variable's name."""
    value: str = env.ENVIRON.get(name, default)
    return value.strip()


def words(name: str) -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def number(name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
    """A whole number of at least `least` and, if given, at most `most`."""
    raw = text(name, str(default)) or str(default)
    if not raw.isascii() or not raw.isdigit() or int(raw) < least or (most and int(raw) > most):
        bounds = f"from {least} to {most}" if most else f"of at least {least}"
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number {bounds}")
    return int(raw)


def secret(name: str) -> str:
    """A secret from NAME, or from the file that NAME_FILE names."""
    file = text(f"{name}_FILE")
    try:
        return Path(file).read_text().strip() if file else text(name)
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE={file!r} cannot be read: {error}") from error


def folder(name: str, default: Path) -> Path:
    """A folder, created if missing."""
    path = Path(text(name) or default).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}={str(path)!r} cannot be made ({error.strerror}): name a folder that this account may write"
        ) from error
    return path


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings for an SQLite file or a PostgreSQL; the error does not repeat the URL: it holds a password."""
    given = text(name) or default
    try:
        if given.partition("://")[0] in DATABASES:
            return dict(env.db_url_config(given))
    except ValueError:
        pass
    raise ImproperlyConfigured(
        f"{name} must be like sqlite:////path/to/file or {_URL.format('postgresql')}/name"
    )


def mail_server(name: str) -> dict[str, Any]:
    """Django's settings for mail, which is printed by default; the error does not repeat the URL."""
    try:
        return dict(env.email_url_config(text(name) or "consolemail://"))
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(
            f"{name} must be like {_URL.format('smtp+tls')}, or consolemail://"
        ) from None


def is_read_only(database: dict[str, Any]) -> bool:
    """Whether an SQLite file is opened read-only: its URL says `?mode=ro`, or this process may not write it."""
    mode, path = database["OPTIONS"].get("mode", ""), database["NAME"]
    if mode not in ("", "ro"):
        raise ImproperlyConfigured(f"DATABASE_URL has mode={mode!r}: the only one is ro, for reading only")
    return bool(mode) or (os.access(path, os.F_OK) and not os.access(path, os.W_OK))


def read_only_database(database: dict[str, Any]) -> dict[str, Any]:
    """The settings of an SQLite database that is opened read-only, so that only writes fail.

    SQLite reads a file in WAL mode through an index beside it. Where it neither finds nor can create one, nobody has
    the file open, and `immutable` lets it be read as it is.
    """
    path, unwanted = Path(database["NAME"]).absolute(), ("mode", "init_command")
    alone = not os.access(path.parent, os.W_OK) and not os.access(f"{path}-wal", os.F_OK)
    options = {name: value for name, value in database["OPTIONS"].items() if name not in unwanted}
    return database | {
        "NAME": f"{path.as_uri()}?mode=ro{'&immutable=1' if alone else ''}",
        "OPTIONS": options,
    }


def encryption_keys(raw: str) -> list[bytes]:
    """ENCRYPTION_KEYS, newest first; each is 32 bytes in URL-safe base64."""
    keys = [_decode_key(word.strip()) for word in raw.split(",") if word.strip()]
    if len(set(keys)) != len(keys):
        raise ImproperlyConfigured("ENCRYPTION_KEYS names one key twice")
    return keys


def _decode_key(word: str) -> bytes:
    """One key; the error does not repeat the value."""
    try:
        key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ImproperlyConfigured("ENCRYPTION_KEYS: each key is 32 bytes in URL-safe base64")
    return key


def all_or_none(**given: str) -> bool:
    """Whether all of these are set; raises when only some are, and names the missing ones."""
    missing = [name for name, value in given.items() if not value]
    if missing and len(missing) < len(given):
        raise ImproperlyConfigured(f"{' and '.join(missing)} must be set too")
    return not missing


def url(name: str, default: str = "") -> str:
    """A text that reads as a URL, or none; the error does not repeat it."""
    given = text(name, default)
    _split(name, given)
    return given


def _split(name: str, given: str) -> SplitResult:
    """The parts of a URL; raises ImproperlyConfigured where they cannot be told apart."""
    try:
        parts = urlsplit(given)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        raise ImproperlyConfigured(f"{name} is no URL that can be read") from None
    return parts


def origin(url: str) -> str:
    """The scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def slug_of_url(url: str) -> str:
    """A short name for a URL, of letters, digits and hyphens; equal for equal URLs."""
    words_in = re.sub(r"[^a-z0-9]+", "-", url.lower().partition("://")[2]).strip("-")
    return f"{words_in[:60]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}" if url else "none"


def origins(name: str, found: list[str]) -> list[str]:
    """Check that each value is https://host[:port], as a content security policy takes it."""
    for word in found:
        parts = _split(name, word)
        if word != origin(word) or parts.scheme != "https" or not parts.hostname:
            raise ImproperlyConfigured(f"{name} holds {word!r}, which is no https://host")
    return found


def https_url(name: str, default: str = "") -> str:
    """A URL without its trailing slash; plain HTTP only to this machine.

    Empty when neither a value nor a default is given.
    """
    given = url(name, default).rstrip("/")
    if not given and not default:
        return ""
    parts = urlsplit(given)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise ImproperlyConfigured(f"{name} must be an https:// address (http:// only on this machine)")
    return given
