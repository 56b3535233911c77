"""The routes that need the write scope: register, ingest, refresh, delete, crawl."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from fini_admin.sandbox import synthetic
from fini_admin.sandbox.documents import INGESTIBLE, Document, web_id
from fini_admin.sandbox.errors import ApiError, bad_request, other_workspace
from fini_admin.sandbox.reading import connected_provider
from fini_admin.sandbox.validation import Form, resources
from fini_admin.sandbox.world import Call

_POISON = "The request could not be processed"
_ARTICLES_FOLDER = str(uuid.uuid5(uuid.NAMESPACE_URL, "https://sandbox.example/folders/articles"))


@dataclass
class Selection:
    """The sources that a batch names, and what is wrong with it."""

    good: list[Document] = field(default_factory=list)
    refusals: list[ApiError] = field(default_factory=list)

    def refuse(self) -> None:
        """Refuse the batch for its first bad entry."""
        if self.refusals:
            raise self.refusals[0]


def register(call: Call) -> object:
    """Create or update records; starts no processing."""
    provider = connected_provider(call)
    items = resources(call.body, call.settings.max_batch)
    if any(item["externalId"] in call.settings.poisoned for item in items):
        raise bad_request(_POISON)
    ms = call.world.now()
    added, updated = [], []
    for item in items:
        known = call.world.store.find(call.workspace, provider, item["externalId"])
        document = known or synthetic.blank(call.workspace, provider, item["externalId"], ms)
        _describe(document, item)
        if known is None:
            call.world.store.add(document)
            added.append(document.id)
        else:
            call.world.store.touch(document, ms)
            updated.append(document.id)
    return {"addedDocumentIds": _order(call, added), "updatedDocumentIds": _order(call, updated)}


def ingest(call: Call) -> object:
    """Queue processing: URLs for web, source IDs for the rest."""
    form = Form(call.body, {"source", "documentIdsToAdd", "documentIdsToRefresh", "english", "baser"})
    source = form.choice("source", INGESTIBLE, "web")
    read = form.urls if source == "web" else form.ids
    most = call.settings.max_batch
    first = read("documentIdsToAdd", required=False, most=most)
    again = read("documentIdsToRefresh", required=False, most=most)
    english, baser = form.flag("english", default=True), form.flag("baser", default=False)
    form.require(first or again, "documentIdsToAdd or documentIdsToRefresh should not be empty")
    form.done()
    adding = _select_to_ingest(call, source, first, refresh=False)
    refreshing = _select_to_ingest(call, source, again, refresh=True)
    adding.refusals += refreshing.refusals
    if not call.settings.partial_acceptance:
        adding.refuse()
    chosen = {document.id for document in adding.good}
    refreshing.good = [document for document in refreshing.good if document.id not in chosen]
    for document in adding.good + refreshing.good:
        document.english, document.baser = english, baser
    added, updated = _queue(call, adding.good), _queue(call, refreshing.good)
    adding.refuse()
    return {"addedDocumentIds": added, "updatedDocumentIds": updated}


def refresh(call: Call) -> object:
    """Queue processing again; raw files are refused."""
    form = Form(call.body, {"documentIds"})
    ids = form.ids("documentIds", required=True, most=call.settings.max_batch)
    form.done()
    selection = Selection()
    for document in _existing(call, ids, selection):
        problem = _refresh_problem(call, document)
        if problem:
            selection.refusals.append(bad_request(problem))
        else:
            selection.good.append(document)
    if not call.settings.partial_acceptance:
        selection.refuse()
    accepted = _queue(call, selection.good)
    selection.refuse()
    return accepted


def delete(call: Call) -> object:
    """Delete sources, and on request their linked articles."""
    form = Form(call.body, {"documentIds", "deleteArticles"})
    ids = form.ids("documentIds", required=True, most=call.settings.max_batch)
    with_articles = form.flag("deleteArticles", default=False)
    form.done()
    selection = Selection()
    selection.good = _existing(call, ids, selection)
    if not call.settings.partial_acceptance:
        selection.refuse()
    articles = [document for document in selection.good if with_articles and document.knowledge_id]
    for document in selection.good:
        call.world.store.remove(document)
    selection.refuse()
    return {
        "deletedDocuments": [_brief(document) for document in selection.good],
        "deletedArticles": [
            {"id": document.knowledge_id, "title": document.title, "parentFolderId": _ARTICLES_FOLDER}
            for document in articles
        ],
    }


def crawl(call: Call) -> object:
    """Collect URLs below the seeds; stores nothing."""
    form = Form(call.body, {"links", "limit"})
    links = form.urls("links", required=True, most=None)
    limit = form.integer("limit", 250)
    form.done()
    found = dict.fromkeys(url for link in links for url in call.world.catalogue.below(link))
    return {"data": list(found)[:limit], "message": "Successfully crawled parent URLs"}


def _describe(document: Document, item: dict[str, Any]) -> None:
    document.title = item["title"]
    document.original_url = item["originalUrl"]
    document.mime_type = item["mimeType"]
    document.type = item.get("object") or "page"


def _select_to_ingest(call: Call, source: str, names: list[str], *, refresh: bool) -> Selection:
    selection, places = Selection(), set()
    for name in dict.fromkeys(names):
        document = _named(call, source, name)
        problem = _ingest_problem(call, document, refresh=refresh)
        if document is None or problem:
            selection.refusals.append(bad_request(problem))
        elif document.place not in places:
            places.add(document.place)
            selection.good.append(document)
    return selection


def _named(call: Call, source: str, name: str) -> Document | None:
    """The source that an ingest entry means; a new URL creates one, kept under the address that it leads to."""
    store = call.world.store
    if source == "web":
        kept = call.settings.redirects.get(name, name)
        known = store.find(call.workspace, "web", web_id(kept))
        return known or synthetic.blank_web(call.workspace, kept, call.world.now())
    document = store.get(name)
    fits = document is not None and (document.workspace, document.source) == (call.workspace, source)
    return document if fits else None


def _ingest_problem(call: Call, document: Document | None, *, refresh: bool) -> str:
    """What is wrong with an entry. The message does not name the entry: callers have to find out."""
    settings = call.settings
    if document is None:
        return "One or more documents do not exist in this workspace for this source"
    if _is_poisoned(call, document):
        return _POISON
    if refresh and settings.refuse_refresh_never_ingested and not document.ever_ingested:
        return "One or more documents were never ingested and cannot be refreshed"
    if not refresh and settings.refuse_add_ingested and document.ever_ingested:
        return "One or more documents are already ingested"
    return ""


def _refresh_problem(call: Call, document: Document) -> str:
    if document.source == "files":
        return "Raw file documents cannot be refreshed"
    return _ingest_problem(call, document, refresh=True)


def _is_poisoned(call: Call, document: Document) -> bool:
    return any(name in call.settings.poisoned for name in document.names)


def _existing(call: Call, ids: list[str], selection: Selection) -> list[Document]:
    found = []
    for document_id in dict.fromkeys(document_id.lower() for document_id in ids):
        document = call.world.store.get(document_id)
        if document is None:
            selection.refusals.append(bad_request("One or more documents do not exist"))
        elif document.workspace != call.workspace:
            selection.refusals.append(other_workspace())
        else:
            found.append(document)
    return found


def _queue(call: Call, documents: list[Document]) -> list[str]:
    ms = call.world.now()
    for document in documents:
        if call.world.store.get(document.id) is None:
            call.world.store.add(document)
        call.world.jobs.start(document, ms, call.settings)
    return _order(call, [document.id for document in documents])


def _order(call: Call, ids: list[str]) -> list[str]:
    """Shuffle if the settings say so; IDs are random, so sorted ones are in no order the caller knows."""
    return sorted(ids) if call.settings.shuffle_ids else ids


def _brief(document: Document) -> dict[str, object]:
    return {"id": document.id, "title": document.title, "originalUrl": document.original_url}
