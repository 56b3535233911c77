"""Whether two URLs lead to the same page, judged by their spelling."""

import hashlib
import re
import string
import unicodedata
from urllib.parse import SplitResult, quote, urlsplit

from fini_admin.fini.external_ids import strip_unseen

_TRACKING = re.compile(r"utm_\w+|gclid|dclid|fbclid|msclkid|mc_[ce]id|igshid|_hs(enc|mi)|ref_src", re.ASCII)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_LONGEST_LABEL = 63  # of a host's name; Punycode of a longer one would take long
_PORTS = {"http": 80, "https": 443}


def address_key(address: str) -> str:
    """A key that is equal for URLs of the same page: 32 hex characters; empty for an empty URL.

    Ignores scheme, the host's case, a default port, a trailing slash, tracking parameters, and fragments other than
    #/… and #!…. A character beyond ASCII equals its escapes, as browsers send it.
    """
    address = strip_unseen(address)
    if not address:
        return ""
    try:
        plain = _plain(urlsplit(address))
    except ValueError:
        plain = address
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(parts: SplitResult) -> str:
    host = ".".join(map(_label, (parts.hostname or "").rstrip(".").split(".")))
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    query = parts.query
    if _TRACKING.search(query):
        query = "&".join(pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.partition("=")[0]))
    # Single-page applications route by fragment: #/articles/7, #!7.
    fragment = f"#{parts.fragment}" if parts.fragment.startswith(("/", "!")) else ""
    return f"{host}{port}{_escaped(parts.path.rstrip('/'))}?{_escaped(query)}{fragment}"


def _label(label: str) -> str:
    """A part of a host's name as it is looked up: beyond ASCII in Punycode."""
    if label.isascii() or len(label) > _LONGEST_LABEL:
        return label
    return f"xn--{unicodedata.normalize('NFC', label).encode('punycode').decode()}"


def _escaped(text: str) -> str:
    """A path or a query with characters beyond ASCII escaped, and the digits of escapes in capitals."""
    return _ESCAPE.sub(lambda found: found[0].upper(), quote(text, safe=string.printable))


def loose_key(address: str) -> str:
    """A weaker key than address_key: hosts with and without `www.`, and index pages, count as the same.

    Only for finding back what was sent, where nothing else fits.
    """
    plain = re.sub(r"\A(\s*https?://)www\.", r"\1", address, flags=re.IGNORECASE)
    return address_key(re.sub(r"/index\.(?:html?|php)(?=[?#]|\Z)", "/", plain, flags=re.IGNORECASE))
