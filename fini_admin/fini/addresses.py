"""What a provider's address says of the resource it leads to: a title and an external ID to suggest."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, unquote_plus, urlsplit

from fini_admin.fini.routes import is_url

LONGEST = 300
NOTION = ("notion.so", "notion.site", "notion.com")
# Notion writes an ID without dashes at the end of an address, its API writes it with them.
NOTION_ID = re.compile(
    r"(?:(?P<words>.*)-)?(?P<id>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE
)
# A help centre stands under /hc/ on whatever host.
ARTICLE = re.compile(r"/hc/(?:[^/]+/)?articles/(?P<id>\d+)(?:-(?P<words>[^/]*))?", re.ASCII)
PAGE = re.compile(
    r"/spaces/[^/]+/(?:pages/(?:edit-v2/)?|blog/\d+/\d+/\d+/)(?P<id>\d+)(?:/(?P<words>[^/]*))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Hint:
    """What an address suggests; each is empty where it says nothing."""

    provider: str = ""
    title: str = ""
    external_id: str = ""


def hint(address: str) -> Hint:
    """What can be read off an address without asking anyone."""
    if not is_url(address):
        return Hint()
    parts = urlsplit(address)
    if is_on(parts, *NOTION):
        return of_notion(parts)
    article = ARTICLE.search(parts.path)
    if article:
        return Hint("zendesk", said(unquote(article["words"] or ""), "-"), article["id"])
    if is_on(parts, "zendesk.com"):
        return Hint("zendesk")
    return of_confluence(parts)


def of_notion(parts: SplitResult) -> Hint:
    """Notion: the ID ends the last part of the path, the title's words stand before it.

    `p` names the page that is open beside the one in the path.
    """
    beside = NOTION_ID.fullmatch(parse_qs(parts.query).get("p", [""])[0])
    if beside:
        return Hint("notion", "", beside["id"].replace("-", "").lower())
    match = NOTION_ID.fullmatch(parts.path.rstrip("/").rpartition("/")[2])
    if not match:
        return Hint("notion")
    return Hint("notion", said(unquote(match["words"] or ""), "-"), match["id"].replace("-", "").lower())


def of_confluence(parts: SplitResult) -> Hint:
    """Confluence: the page's number, then its title with a plus for each space; older ones have `pageId` alone."""
    match = PAGE.search(parts.path)
    if match:
        return Hint("confluence", said(unquote_plus(match["words"] or ""), " "), match["id"])
    number = parse_qs(parts.query).get("pageId", [""])[0]
    if parts.path.endswith("/pages/viewpage.action") and re.fullmatch(r"[0-9]+", number):
        return Hint("confluence", "", number)
    cloud = is_on(parts, "atlassian.net") and parts.path.startswith("/wiki")
    return Hint("confluence") if cloud else Hint()


def is_on(parts: SplitResult, *domains: str) -> bool:
    """Whether the host is one of the domains or below one."""
    host = parts.hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def said(words: str, between: str) -> str:
    """The words of an address as a title; none when they cannot be read."""
    title = " ".join(words.replace(between, " ").split())[:LONGEST]
    return title if title.isprintable() and "\ufffd" not in title else ""
