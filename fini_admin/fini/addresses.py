"""What a provider's address says of the resource it leads to: a title and an external ID to suggest."""

import base64
import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qs, unquote, unquote_plus, urljoin, urlsplit

from fini_admin.fini.routes import is_url
from fini_admin.lib.key_text import looks_like_key

LONGEST = 300
SHOWN = 300
RETURNS = 3  # an address may stand in another one's `return_to`, and that one in a third
NOTION = ("notion.so", "notion.site", "notion.com")
# Notion writes an ID without dashes at the end of an address, its API writes it with them.
NOTION_ID = re.compile(
    r"(?:(?P<words>.*)-)?(?P<id>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE
)
# A help centre stands under /hc/ on whatever host.
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
# What a help centre's address leads to that is no article, by the word after the language.
NO_ARTICLE = {"sections": "a section", "categories": "a category", "community": "the community"}
NO_ARTICLES = re.compile(rf"/hc/(?:[^/]+/)?(?P<what>{'|'.join(NO_ARTICLE)})(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class Hint:
    """What an address suggests; each is empty where it says nothing.

    `note` says what is wrong with an address that is not the resource's own: what it is instead, and what to do.
    """

    provider: str = ""
    title: str = ""
    external_id: str = ""
    note: str = ""


def hint(address: str) -> Hint:
    """What can be read off an address without asking anyone."""
    if not is_url(address):
        return Hint()
    inside = address
    for _ in range(RETURNS):
        inside = returned_to(inside) or inside
    found = of_parts(urlsplit(inside))
    if inside == address or not found.external_id or looks_like_key(unquote(inside)):
        return found
    own = f"This is the address of a page to log in at. The article's own is {inside[:SHOWN]}"
    return replace(found, note=own)


def of_parts(parts: SplitResult) -> Hint:
    """What an address says itself."""
    if is_on(parts, *NOTION):
        return of_notion(parts)
    if is_on(parts, "zendesk.com") or ARTICLE.search(parts.path) or NO_ARTICLES.match(parts.path):
        return of_zendesk(parts)
    return of_confluence(parts)


def returned_to(address: str) -> str:
    """Where a page of Zendesk to log in at leads back to; empty where it is none."""
    parts = urlsplit(address)
    if not is_on(parts, "zendesk.com") and not parts.path.startswith("/hc/"):
        return ""
    try:
        found = urljoin(address, parse_qs(parts.query).get("return_to", [""])[0])
    except ValueError:
        return ""
    return found if is_url(found) else ""


def of_notion(parts: SplitResult) -> Hint:
    """Notion: the ID ends the last part of the path, the title's words stand before it.

    `p` names the page that is open beside the one in the path.
    """
    beside = NOTION_ID.fullmatch(parse_qs(parts.query).get("p", [""])[0])
    if beside:
        return Hint("notion", "", beside["id"].replace("-", "").lower())
    match = NOTION_ID.fullmatch(parts.path.rstrip("/").rpartition("/")[2])
    if not match:
        return Hint("notion", note=f"This address of Notion holds no page's ID. {COPY_NOTION}")
    return Hint("notion", said(unquote(match["words"] or ""), "-"), match["id"].replace("-", "").lower())


def of_zendesk(parts: SplitResult) -> Hint:
    """Zendesk: the article's number, after /articles/ in a help centre's address and in the agents' ones."""
    article = ARTICLE.search(parts.path)
    if article:
        return Hint("zendesk", said(unquote(article["words"] or ""), "-"), article["id"])
    edited = EDITED_ARTICLE.match(parts.path)
    if edited and is_on(parts, "zendesk.com"):
        return Hint("zendesk", "", edited["id"], AGENTS_ONLY)
    if parts.path.startswith("/knowledge/editor/"):
        found = "is the editor's and holds an ID of its own, not the article's"
    else:
        other = NO_ARTICLES.match(parts.path)
        found = (
            f"leads to {NO_ARTICLE[other['what']]}, not to an article" if other else "holds no article's ID"
        )
    return Hint("zendesk", note=f"This address of Zendesk {found}. {COPY_ARTICLE}")


def of_confluence(parts: SplitResult) -> Hint:
    """Confluence: the page's number, then its title with a plus for each space; older ones have `pageId` alone.

    A short address holds the number in base 64.
    """
    match = PAGE.search(parts.path)
    if match:
        return Hint("confluence", said(unquote_plus(match["words"] or ""), " "), match["id"])
    query = parse_qs(parts.query)
    cloud = is_on(parts, "atlassian.net") and parts.path.startswith("/wiki")
    tiny = TINY.fullmatch(parts.path) if cloud or parts.path.startswith("/confluence") else None
    number = of_tiny(tiny["code"]) if tiny else query.get("pageId", query.get("homepageId", [""]))[0]
    action = ACTION.search(parts.path)
    if re.fullmatch(r"[0-9]+", number) and (cloud or tiny or action):
        return Hint("confluence", "", number)
    display = DISPLAY.fullmatch(parts.path)
    titled = display["words"] if display else query.get("title", [""])[0] if action else ""
    if titled:
        found = "names the page by its space and title, which may change, and not by its ID"
        note = f"This address of Confluence {found}. {COPY_PAGE}"
        return Hint("confluence", said(unquote_plus(titled), " "), note=note)
    overview = re.fullmatch(r"(?:/wiki)?/spaces/[^/]+(?:/overview)?/?", parts.path)
    found = "leads to a space, not to a page" if overview else "holds no page's ID"
    return Hint("confluence", note=f"This address of Confluence {found}. {COPY_PAGE}") if cloud else Hint()


def of_tiny(code: str) -> str:
    """The page's number in a short address: its bytes, the lowest first, in base 64 less what means nought at the end.

    Confluence writes `-` for `/` and `_` for `+`. Empty where it is no number.
    """
    padded = code.replace("-", "/").replace("_", "+").ljust(TINY_LETTERS, "A") + "="
    number = int.from_bytes(base64.b64decode(padded), "little")
    return str(number) if 0 < number < 2**63 else ""


def is_on(parts: SplitResult, *domains: str) -> bool:
    """Whether the host is one of the domains or below one."""
    host = parts.hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def said(words: str, between: str) -> str:
    """The words of an address as a title; none when they cannot be read."""
    title = " ".join(words.replace(between, " ").split())[:LONGEST]
    return title if title.isprintable() and "\ufffd" not in title else ""
