"""Whether two URLs lead to the same page, judged by their spelling."""

import hashlib
import re
from urllib.parse import SplitResult, urlsplit

from fini_admin.fini.external_ids import strip_unseen

_TRACKING = re.compile(r"utm_\w+|gclid|dclid|fbclid|msclkid|mc_[ce]id|igshid|_hs(enc|mi)|ref_src", re.ASCII)
_PORTS = {"http": 80, "https": 443}


def address_key(address: str) -> str:
    """A key that is equal for URLs of the same page: 32 hex characters; empty for an empty URL.

    Ignores scheme, the host's case, a default port, a trailing slash, tracking parameters, and fragments other than
    #/… and #!….
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
    host = (parts.hostname or "").rstrip(".")
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    query = parts.query
    if _TRACKING.search(query):
        query = "&".join(pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.partition("=")[0]))
    # Single-page applications route by fragment: #/articles/7, #!7.
    fragment = f"#{parts.fragment}" if parts.fragment.startswith(("/", "!")) else ""
    return f"{host}{port}{parts.path.rstrip('/')}?{query}{fragment}"
