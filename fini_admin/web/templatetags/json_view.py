"""Renders a JsonNode as nested `<details>`."""

import json

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fini_admin.web.json_tree import JsonNode

register = template.Library()

BRACKETS = {"object": ("{", "}"), "array": ("[", "]")}
NOTHING = SafeString("")


@register.simple_tag
def json_view(node: JsonNode) -> SafeString:
    """The tree; every value is escaped."""
    return format_html('<div class="json">{}</div>', _node(node))


def _node(node: JsonNode) -> SafeString:
    return _branch(node) if node.kind in BRACKETS else _leaf(node)


def _name_before(node: JsonNode) -> SafeString:
    return NOTHING if node.name is None else format_html('<span class="json-name">{}</span> ', node.name)


def _leaf(node: JsonNode) -> SafeString:
    """A text, a number or a word. Only a text has quotation marks, so that "1" and 1 differ."""
    said = json.dumps(node.text, ensure_ascii=False) if node.kind == "text" else node.text
    said = said[:-1] if node.kind == "text" and node.left else said
    cut = _count(node.left, "character", "… ") if node.left else NOTHING
    return format_html('{}<span class="json-{}">{}</span>{}', _name_before(node), node.kind, said, cut)


def _branch(node: JsonNode) -> SafeString:
    """An object or a list as `<details>`; an empty one as its brackets."""
    begin, end = BRACKETS[node.kind]
    if not node.size:
        return format_html('{}<span class="json-word">{}{}</span>', _name_before(node), begin, end)
    word = "key" if node.kind == "object" else "entry"
    count = _count(node.size, word, f"{begin} ", f" {end}")
    rest = format_html("<li>{}</li>", _count(node.left, word, "… ", " more")) if node.left else NOTHING
    hint = format_html(' <span class="json-hint">{}</span>', node.hint) if node.hint else NOTHING
    return format_html(
        "<details{}><summary>{}{}{}</summary><ul>{}{}</ul></details>",
        SafeString(" open") if node.open else NOTHING,
        _name_before(node),
        count,
        hint,
        format_html_join("", "<li>{}</li>", ((_node(child),) for child in node.children)),
        rest,
    )


def _count(number: int, word: str, before: str, after: str = "") -> SafeString:
    """A number with its noun, in the quiet tone."""
    words = word if number == 1 else {"entry": "entries"}.get(word, f"{word}s")
    return format_html('<span class="quiet">{}{} {}{}</span>', before, intcomma(number), words, after)
