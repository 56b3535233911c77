"""Reading a provider's URLs: the title and external ID to suggest for a resource, without asking anybody."""

import base64
import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qs, unquote, unquote_plus, urljoin, urlsplit

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.routes import is_url
from fini_admin.lib.key_text import looks_like_key

LONGEST = 300
SHOWN = 300
RETURNS = 3  # how deep `return_to` may be nested
NOTION = ("notion.so", "notion.site", "notion.com")
# Notion writes an ID without dashes at the end of an address, its API writes it with them.
NOTION_ID = re.compile(
    r"(?:(?P<words>.*)-)?(?P<id>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE
)
# A help centre is below /hc/, on any host.
ARTICLE = re.compile(r"/hc/(?:[^/]+/)?articles/(?P<id>\d+)(?:-(?P<words>[^/]*))?", re.ASCII)
EDITED_ARTICLE = re.compile(r"/knowledge/articles/(?P<id>\d+)(?:/|\Z)", re.ASCII)
PAGE = re.compile(
    r"/spaces/[^/]+/(?:pages/(?:edit-v2/)?|blog/\d+/\d+/\d+/)(?P<id>\d+)(?:/(?P<words>[^/]*))?", re.ASCII
)
TINY_LETTERS = 11  # of eight bytes in base 64
TINY = re.compile(r"/(?:wiki|confluence)/x/(?P<code>[\w-]{1,11})/?", re.ASCII)
DISPLAY = re.compile(r"(?:/wiki|/confluence)?/display/[^/]+/(?P<words>[^/]+)/?")
ACTION = re.compile(r"/pages/\w+\.action\Z", re.ASCII)

COPY_NOTION = "In Notion choose Share, then “Copy link”, and paste that."
COPY_ARTICLE = (
    "Open the article in the help centre and copy its address: the ID is the number after /articles/."
)
AGENTS_ONLY = (
    "This address is for agents, readers cannot open it: copy the article's own from the help centre."
)
COPY_PAGE = (
    "Open the page and copy its address: the ID is the number after /pages/. Where there is none, choose ⋯, then"
    " “Page information”: the ID is the number after pageId= in that address."
)
# What else a help centre's URL may lead to, by the word after the language.
NO_ARTICLE = {"sections": "a section", "categories": "a category", "community": "the community"}
NO_ARTICLES = re.compile(rf"/hc/(?:[^/]+/)?(?P<what>{'|'.join(NO_ARTICLE)})(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class Hint:
    """What a URL suggests; empty fields where it says nothing.

    `note` says what is wrong with a URL that is not the resource's own, and what to do.
    """

    provider: str = ""
    title: str = ""
    external_id: str = ""
    note: str = ""


def hint_of(address: str) -> Hint:
    """What a URL suggests."""
    if not is_url(address):
        return Hint()
    inside = address
    for _ in range(RETURNS):
        inside = _return_address(inside) or inside
    found = _hint_of_parts(urlsplit(inside))
    if inside == address or not found.external_id or looks_like_key(unquote(inside)):
        return found
    own = f"This is the address of a page to log in at. The article's own is {inside[:SHOWN]}"
    return replace(found, note=own)


def other_id(provider: str, external_id: str, address: str) -> str:
    """The external ID that a URL of this provider holds, if that is not this one; else empty."""
    found = hint_of(address)
    keys = [comparison_key(provider, held) for held in (external_id, found.external_id)]
    return found.external_id if found.provider == provider and keys[0] != keys[1] else ""


def _hint_of_parts(parts: SplitResult) -> Hint:
    if _is_on_domain(parts, *NOTION):
        return _notion_hint(parts)
    if _is_on_domain(parts, "zendesk.com") or ARTICLE.search(parts.path) or NO_ARTICLES.match(parts.path):
        return _zendesk_hint(parts)
    return _confluence_hint(parts)


def _return_address(address: str) -> str:
    """The URL that a Zendesk log-in page leads back to; empty for other pages."""
    parts = urlsplit(address)
    if not _is_on_domain(parts, "zendesk.com") and not parts.path.startswith("/hc/"):
        return ""
    try:
        found = urljoin(address, parse_qs(parts.query).get("return_to", [""])[0])
    except ValueError:
        return ""
    return found if is_url(found) else ""


def _notion_hint(parts: SplitResult) -> Hint:
    """Notion: the ID ends the last part of the path, behind the title's words.

    `?p=` names the page that is open beside the one in the path.
    """
    beside = NOTION_ID.fullmatch(parse_qs(parts.query).get("p", [""])[0])
    if beside:
        return Hint("notion", "", beside["id"].replace("-", "").lower())
    match = NOTION_ID.fullmatch(parts.path.rstrip("/").rpartition("/")[2])
    if not match:
        return Hint("notion", note=f"This address of Notion holds no page's ID. {COPY_NOTION}")
    return Hint(
        "notion", _title_words(unquote(match["words"] or ""), "-"), match["id"].replace("-", "").lower()
    )


def _zendesk_hint(parts: SplitResult) -> Hint:
    """Zendesk: the number behind /articles/, in the help centre's URLs and in the agents'."""
    article = ARTICLE.search(parts.path)
    if article:
        return Hint("zendesk", _title_words(unquote(article["words"] or ""), "-"), article["id"])
    edited = EDITED_ARTICLE.match(parts.path)
    if edited and _is_on_domain(parts, "zendesk.com"):
        return Hint("zendesk", "", edited["id"], AGENTS_ONLY)
    if parts.path.startswith("/knowledge/editor/"):
        found = "is the editor's and holds an ID of its own, not the article's"
    else:
        other = NO_ARTICLES.match(parts.path)
        found = (
            f"leads to {NO_ARTICLE[other['what']]}, not to an article" if other else "holds no article's ID"
        )
    return Hint("zendesk", note=f"This address of Zendesk {found}. {COPY_ARTICLE}")


def _confluence_hint(parts: SplitResult) -> Hint:
    """Confluence: the page's number, then its title with `+` for spaces; older URLs have only `pageId`.

    A short URL holds the number in base 64.
    """
    match = PAGE.search(parts.path)
    if match:
        return Hint("confluence", _title_words(unquote_plus(match["words"] or ""), " "), match["id"])
    query = parse_qs(parts.query)
    cloud = _is_on_domain(parts, "atlassian.net") and parts.path.startswith("/wiki")
    tiny = TINY.fullmatch(parts.path) if cloud or parts.path.startswith("/confluence") else None
    number = _decode_tiny(tiny["code"]) if tiny else query.get("pageId", query.get("homepageId", [""]))[0]
    action = ACTION.search(parts.path)
    if re.fullmatch(r"[0-9]+", number) and (cloud or tiny or action):
        return Hint("confluence", "", number)
    display = DISPLAY.fullmatch(parts.path)
    titled = display["words"] if display else query.get("title", [""])[0] if action else ""
    if titled:
        found = "names the page by its space and title, which may change, and not by its ID"
        note = f"This address of Confluence {found}. {COPY_PAGE}"
        return Hint("confluence", _title_words(unquote_plus(titled), " "), note=note)
    overview = re.fullmatch(r"(?:/wiki)?/spaces/[^/]+(?:/overview)?/?", parts.path)
    found = "leads to a space, not to a page" if overview else "holds no page's ID"
    return Hint("confluence", note=f"This address of Confluence {found}. {COPY_PAGE}") if cloud else Hint()


def _decode_tiny(code: str) -> str:
    """The page number in a short URL: little-endian bytes in base 64, trailing zeros left out.

    Confluence writes `-` for `/` and `_` for `+`. Empty when it is not a number.
    """
    padded = code.replace("-", "/").replace("_", "+").ljust(TINY_LETTERS, "A") + "="
    number = int.from_bytes(base64.b64decode(padded), "little")
    return str(number) if 0 < number < 2**63 else ""


def _is_on_domain(parts: SplitResult, *domains: str) -> bool:
    """Whether the host is one of the domains or a subdomain."""
    host = parts.hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _title_words(words: str, between: str) -> str:
    """The words of a URL as a title; empty when they are not printable."""
    title = " ".join(words.replace(between, " ").split())[:LONGEST]
    return title if title.isprintable() and "\ufffd" not in title else ""
