"""Sources made without a call: the initial ones, and those that tests add."""

import uuid
from typing import Any

from fini_admin.sandbox.clock import from_iso
from fini_admin.sandbox.documents import JOB_STATUSES, OPERATIONS, SOURCES, Document, web_id
from fini_admin.sandbox.jobs import succeed
from fini_admin.sandbox.keys import READY_WORKSPACE
from fini_admin.sandbox.store import Store
from fini_admin.sandbox.validation import is_uuid

_DAY_MS = 86_400_000
_SEEDS = (
    ("files", "seed-price-list", "Price list 2025.pdf", "application/pdf"),
    ("files", "seed-handbook", "Support handbook.docx", "application/msword"),
    ("files", "seed-terms", "Terms of service.pdf", "application/pdf"),
    ("googledrive", "seed-roadmap", "Roadmap", "application/vnd.google-apps.document"),
    ("googledrive", "seed-glossary", "Glossary", "application/vnd.google-apps.document"),
    ("googledrive", "seed-contacts", "Contacts", "application/vnd.google-apps.spreadsheet"),
)
_STATES = ("usable", "registered", "failed", "empty", "running", "pending")
_FIELDS: dict[str, tuple[str, type, bool]] = {
    "title": ("title", str, False),
    "originalUrl": ("original_url", str, False),
    "mimeType": ("mime_type", str, False),
    "type": ("type", str, False),
    "english": ("english", bool, False),
    "baser": ("baser", bool, False),
    "success": ("success", bool, False),
    "error": ("error", str, False),
    "changed": ("changed", bool, False),
    "linkedJobId": ("job_id", str, True),
    "linkedJobStatus": ("job_status", str, True),
    "linkedKnowledgeId": ("knowledge_id", str, True),
    "linkedOperation": ("operation", str, True),
    "linkedReason": ("reason", str, True),
    "paragraphs": ("paragraphs", list, True),
    "oldParagraphs": ("old_paragraphs", list, True),
    "version": ("version", int, False),
}
_WORDS = {"linkedJobStatus": JOB_STATUSES, "linkedOperation": OPERATIONS}
_PLACE = ("id", "source", "externalId", "createdAt", "updatedAt")


def seed(store: Store, ms: int, *, wanted: bool) -> None:
    """Add the six sources of workspace demo, or remove them."""
    for days, (source, external_id, title, mime_type) in enumerate(_SEEDS, start=30):
        known = store.find(READY_WORKSPACE, source, external_id)
        if known is not None and not wanted:
            store.remove(known)
        elif known is None and wanted:
            document = blank(READY_WORKSPACE, source, external_id, ms - days * _DAY_MS)
            document.title, document.mime_type, document.type = title, mime_type, "file"
            _set_state(document, "usable")
            store.add(document)


def blank(workspace: str, source: str, external_id: str, ms: int) -> Document:
    """A registered source with invented fields."""
    url = f"https://{source}.example/{workspace}/{external_id}"
    return Document(
        str(uuid.uuid4()), workspace, source, external_id, external_id, url, "text/markdown", "page", ms, ms
    )


def blank_web(workspace: str, url: str, ms: int) -> Document:
    """A web source that was not processed yet."""
    document = blank(workspace, "web", web_id(url), ms)
    document.original_url = document.title = url
    return document


def add_many(store: Store, workspace: str, ms: int, given: dict[str, Any]) -> list[str]:
    """Add `count` sources of one kind, a second apart, the newest now."""
    source, state, count = given.get("source", "notion"), given.get("state", "usable"), given["count"]
    if source not in SOURCES or state not in _STATES or not isinstance(count, int) or count < 0:
        raise ValueError(f"count is a number, source one of {SOURCES}, state one of {_STATES}")
    first = store.changes
    ids = []
    for offset in range(count):
        name = f"{first + offset:07d}"
        at = ms - (count - offset) * 1000
        if source == "web":
            document = blank_web(workspace, f"https://synthetic.example/{name}", at)
        else:
            document = blank(workspace, source, f"synthetic-{name}", at)
        document.title = f"Synthetic source {name}"
        _set_state(document, state)
        store.add(document)
        ids.append(document.id)
    return ids


def add_record(store: Store, workspace: str, ms: int, record: dict[str, Any]) -> str:
    """Add a source from fields as the API names them; only `externalId` is required."""
    source, external_id = record.get("source", "notion"), record.get("externalId")
    if source == "web" and external_id is None:
        external_id = web_id(str(record.get("originalUrl")))
    if source not in SOURCES or not isinstance(external_id, str) or not external_id:
        raise ValueError(f"a record needs an externalId (web: originalUrl); its source is one of {SOURCES}")
    if store.find(workspace, source, external_id):
        raise ValueError(f"{source} {external_id} is there already")
    document = blank(workspace, source, external_id, ms)
    document.id = record.get("id", document.id).lower()
    if not is_uuid(document.id) or store.get(document.id):
        raise ValueError("id is a UUID that is not in use")
    document.created_ms = _time(record, "createdAt", ms)
    document.updated_ms = _time(record, "updatedAt", ms)
    change(document, {key: value for key, value in record.items() if key not in _PLACE})
    if document.success and document.paragraphs is None:
        document.text_version = document.version
    store.add(document)
    return document.id


def change_record(store: Store, ms: int, given: dict[str, Any]) -> str:
    """Change fields of a source; `updatedAt` becomes now unless it is given."""
    document = store.get(str(given.get("id")))
    if document is None:
        raise ValueError("there is no source with that id")
    change(document, {key: value for key, value in given.items() if key not in {"id", "updatedAt"}})
    if "updatedAt" in given:
        store.move(document, _time(given, "updatedAt", ms))
    else:
        store.touch(document, ms)
    return document.id


def change(document: Document, fields: dict[str, Any]) -> None:
    """Set fields; a given job status ends a running job."""
    for name, value in fields.items():
        if name not in _FIELDS:
            raise ValueError(f"{name} cannot be set; these can: {', '.join(_FIELDS)}")
        _, kind, optional = _FIELDS[name]
        fits = isinstance(value, kind) or (optional and value is None)
        if not fits or (value is not None and name in _WORDS and value not in _WORDS[name]):
            raise ValueError(f"{name}: {value!r} is not a value it can take")
    for name, value in fields.items():
        setattr(document, _FIELDS[name][0], value)
    if "linkedJobStatus" in fields:
        document.live_job = 0


def _set_state(document: Document, state: str) -> None:
    if state == "registered":
        return
    document.job_id = str(uuid.uuid4())
    document.job_count = 1
    if state == "usable":
        succeed(document)
    elif state == "failed":
        document.job_status, document.error = "FAILED", "Failed to fetch content"
    else:
        document.job_status = {"empty": "COMPLETED", "running": "IN_PROGRESS", "pending": "PENDING"}[state]


def _time(record: dict[str, Any], name: str, default: int) -> int:
    value = record.get(name)
    return default if value is None else from_iso(str(value))
