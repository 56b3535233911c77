"""A folded JSON tree as native disclosure."""

import json

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fini_admin.web.json_tree import Node

register = template.Library()

BRACKETS = {"object": ("{", "}"), "array": ("[", "]")}
NOTHING = SafeString("")


@register.simple_tag
def json_view(node: Node) -> SafeString:
    """The tree; every value is escaped."""
    return format_html('<div class="json">{}</div>', shown(node))


def shown(node: Node) -> SafeString:
    """A node with all that is below it."""
    return branch(node) if node.kind in BRACKETS else leaf(node)


def named(node: Node) -> SafeString:
    """The name before a value."""
    return NOTHING if node.name is None else format_html('<span class="json-name">{}</span> ', node.name)


def leaf(node: Node) -> SafeString:
    """A text, a number or a word. Only a text has quotation marks, so that "1" and 1 differ."""
    said = json.dumps(node.text, ensure_ascii=False) if node.kind == "text" else node.text
    said = said[:-1] if node.kind == "text" and node.left else said
    cut = more(node.left, "character", "… ") if node.left else NOTHING
    return format_html('{}<span class="json-{}">{}</span>{}', named(node), node.kind, said, cut)


def branch(node: Node) -> SafeString:
    """An object or a list as native disclosure; an empty one as its brackets."""
    begin, end = BRACKETS[node.kind]
    if not node.size:
        return format_html('{}<span class="json-word">{}{}</span>', named(node), begin, end)
    word = "key" if node.kind == "object" else "entry"
    count = more(node.size, word, f"{begin} ", f" {end}")
    rest = format_html("<li>{}</li>", more(node.left, word, "… ", " more")) if node.left else NOTHING
    hint = format_html(' <span class="json-hint">{}</span>', node.hint) if node.hint else NOTHING
    return format_html(
        "<details{}><summary>{}{}{}</summary><ul>{}{}</ul></details>",
        SafeString(" open") if node.open else NOTHING,
        named(node),
        count,
        hint,
        format_html_join("", "<li>{}</li>", ((shown(child),) for child in node.children)),
        rest,
    )


def more(number: int, word: str, before: str, after: str = "") -> SafeString:
    """A number of something, quietly."""
    words = word if number == 1 else {"entry": "entries"}.get(word, f"{word}s")
    return format_html('<span class="quiet">{}{} {}{}</span>', before, intcomma(number), words, after)
