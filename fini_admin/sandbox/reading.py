"""The routes that read: list, get, discover."""

from collections.abc import Callable

from fini_admin.sandbox.documents import OPERATIONS, PROVIDERS, SOURCES, Document
from fini_admin.sandbox.errors import bad_request, not_found, other_workspace
from fini_admin.sandbox.store import Walk
from fini_admin.sandbox.validation import is_uuid, query_values
from fini_admin.sandbox.world import Call

_DEFAULT_LIMIT = 50
_Test = Callable[[Document], bool]
_LIST_KEYS = (
    "limit",
    "cursor",
    "direction",
    "source",
    "english",
    "changed",
    "id",
    "title",
    "originalUrl",
    "linkedKnowledgeId",
    "linkedOperation",
)
_CHOICES = {
    "source": SOURCES,
    "english": ("true", "false"),
    "changed": ("true", "false"),
    "linkedOperation": OPERATIONS,
    "direction": ("next", "previous"),
}


def list_sources(call: Call) -> object:
    values = query_values(call.query, _LIST_KEYS)
    for name, options in _CHOICES.items():
        if name in values and values[name] not in options:
            raise bad_request(f"{name} must be one of the following values: {', '.join(options)}")
    start = _cursor(call, values)
    newer = start is not None and values.get("direction") == "previous"
    tests = [make(values[name]) for name, make in _FILTERS.items() if name in values]
    walk = Walk(start, newer, _limit(call, values), lambda document: all(test(document) for test in tests))
    page, more = call.world.store.page(call.workspace, walk)
    size = call.settings.paragraph_bytes
    return {"documents": [document.wire(size) for document in page], "hasMore": more}


def get_source(call: Call) -> object:
    if not is_uuid(call.argument):
        raise bad_request("Validation failed (uuid is expected)")
    document = call.world.store.get(call.argument)
    if document is None:
        raise not_found()
    if document.workspace != call.workspace:
        raise other_workspace()
    return document.wire(call.settings.paragraph_bytes)


def discover(call: Call) -> object:
    """What a provider holds and was not imported successfully yet."""
    provider = connected_provider(call)
    imported = {
        document.external_id
        for document in call.world.store.documents.values()
        if document.success and document.source == provider and document.workspace == call.workspace
    }
    return call.world.catalogue.discover(provider, imported, call.settings)


def connected_provider(call: Call) -> str:
    """The provider in the path; 400 when it is unsupported or not connected."""
    if call.argument not in PROVIDERS:
        raise bad_request(f"Unsupported provider: {call.argument}")
    if call.argument not in call.settings.connected:
        raise bad_request(f"Provider {call.argument} is not connected")
    return call.argument


def _limit(call: Call, values: dict[str, str]) -> int:
    text = values.get("limit", str(_DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise bad_request("limit must be an integer number not less than 1")
    if "limit" in values and int(text) > call.settings.max_page:
        raise bad_request(f"limit must not be greater than {call.settings.max_page}")
    return min(int(text), call.settings.max_page)


def _cursor(call: Call, values: dict[str, str]) -> Document | None:
    if "cursor" not in values:
        return None
    document = call.world.store.get(values["cursor"])
    if document is None or document.workspace != call.workspace:
        # Fini does not state this; a cursor whose record was deleted is refused, so that callers must handle it.
        raise bad_request("cursor is not a source of this workspace")
    return document


_FILTERS: dict[str, Callable[[str], _Test]] = {
    "source": lambda value: lambda document: document.source == value,
    "english": lambda value: lambda document: document.english is (value == "true"),
    "changed": lambda value: lambda document: document.changed is (value == "true"),
    "id": lambda value: lambda document: document.id == value.lower(),
    "title": lambda value: lambda document: value.lower() in document.title.lower(),
    "originalUrl": lambda value: lambda document: value.lower() in document.original_url.lower(),
    "linkedKnowledgeId": lambda value: lambda document: document.knowledge_id == value,
    "linkedOperation": lambda value: lambda document: document.operation == value,
}
