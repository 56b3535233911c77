"""The web: addresses that are pasted, or that a crawl finds; picked, previewed and ingested."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from fini_admin.fini.routes import CRAWL_LIMIT
from fini_admin.ingestion.kinds import crawls, web
from fini_admin.ingestion.kinds.web_addresses import PastedAddresses
from fini_admin.ingestion.models import Item, Run
from fini_admin.ingestion.runs import starting
from fini_admin.ingestion.runs.standstill import why_it_stands_still
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import page, whole_number
from fini_admin.sources.models import Source
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.web import CrawlForm, PasteForm
from fini_admin.web.pages import redirect_to, render_page, unknown_action
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.views import previews
from fini_admin.web.wording.refusals import INCOMPLETE
from fini_admin.workspaces.permissions import Permission

PAGE = "web/web.html"


@requires(Permission.SOURCES_CRAWL)
@large_body
def index(request: WorkspaceRequest) -> HttpResponseBase:
    """Addresses to bring in, and what the latest crawl found, or that of `?crawl=N`. A POST acts by its button."""
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("do", ""))
        if action is None:
            return unknown_action()
        return action(request)
    crawl = _crawl_of(request)
    if request.htmx and crawl and request.GET.get("part") == "ids":
        keys = ",".join(str(item.pk) for item in web.not_in_fini(crawl))
        return HttpResponse(keys, content_type="text/plain")
    if request.htmx and crawl and request.GET.get("part") == "counts":
        return _counts_part(request, crawl)
    return render_page(request, PAGE, _page_context(request, crawl))


def _crawl_of(request: WorkspaceRequest) -> Run | None:
    """The crawl that the URL names, else the latest one."""
    number = whole_number(request.GET.get("crawl"))
    named = crawls.crawl_of(request.workspace, number) if number is not None else None
    return named or crawls.last_crawl(request.workspace)


def _page_context(
    request: WorkspaceRequest,
    crawl: Run | None,
    *,
    paste: PasteForm | None = None,
    crawl_form: CrawlForm | None = None,
) -> dict[str, object]:
    context: dict[str, object] = {
        "paste": paste or PasteForm(),
        "crawl_form": crawl_form or CrawlForm(initial=_options_of(crawl) | {"token": starting.new_token()}),
        "crawl": crawl,
        "may_ingest": Permission.SOURCES_INGEST in request.permissions,
    }
    if crawl is None:
        return context
    found = page(crawls.pickable(crawl), cursor=request.GET.get("after"), field="position", descending=False)
    return context | {
        "page": found,
        "rows": _rows(request, found.rows),
        "truncated": crawls.truncated(crawl),
        "limit": (crawl.crawl or {})["limit"],
        "waits": why_it_stands_still(crawl),
        "crawls": crawls.crawls(request.workspace)[:5],
    }


def _options_of(crawl: Run | None) -> dict[str, Any]:
    """What the latest crawl was asked for, to be asked again."""
    held = (crawl.crawl if crawl else None) or {}
    texts = {name: "\n".join(held.get(name, ())) for name in ("links", "include", "exclude")}
    return texts | {"limit": held.get("limit", CRAWL_LIMIT)}


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """An address that a crawl found, with the source of the same page; `same`: under this very address."""

    item: Item
    source: Source | None
    same: bool


def _rows(request: WorkspaceRequest, items: list[Item]) -> list[FoundAddress]:
    known = web.pages_in_fini(request.workspace, [item.external_id for item in items])
    return [
        FoundAddress(item, source, bool(source and web.is_same(source, item.external_id)))
        for item in items
        for source in [known.get(item.external_id)]
    ]


def _counts_part(request: WorkspaceRequest, crawl: Run) -> HttpResponse:
    """How many *Select all* would select."""
    number = len(web.not_in_fini(crawl)) if Permission.SOURCES_INGEST in request.permissions else 0
    counts = {"here": f"{number:,}", "exact": str(number), "newest": 0}
    return render(request, f"{PAGE}#counts", {"counts": counts, "number": number})


def _crawl(request: WorkspaceRequest) -> HttpResponse:
    """Start a crawl; the token makes the same form sent twice one crawl."""
    form = CrawlForm(request.POST)
    if not form.is_valid():
        if "token" in form.errors:
            form.add_error(None, INCOMPLETE.format(button="Crawl"))
        if request.htmx:
            return render(request, f"{PAGE}#crawl", {"crawl_form": form}, status=422)
        context = _page_context(request, _crawl_of(request), crawl_form=form)
        return render(request, PAGE, context, status=422)
    run = crawls.start_crawl(by=request.by, workspace=request.workspace, **form.cleaned_data)
    return redirect_to(request, f"{reverse('web', args=[request.workspace.slug])}?crawl={run.number}")


def _ingest(request: WorkspaceRequest) -> HttpResponse:
    """Preview an ingest of the pasted addresses."""
    check_permissions(request, Permission.SOURCES_INGEST)
    form = PasteForm(request.POST)
    if not form.is_valid():
        return _show_errors(request, form)
    try:
        return _preview(request, form.cleaned_data["addresses"], "line")
    except CannotStart as error:
        form.add_error("addresses", f"{error}.")
        return _show_errors(request, form)


def _pick(request: WorkspaceRequest) -> HttpResponse:
    """Preview an ingest of what was picked of a crawl."""
    check_permissions(request, Permission.SOURCES_INGEST)
    try:
        numbers = previews.selected_numbers(request)
        items = crawls.found_items(request.workspace, numbers)
        picked = PastedAddresses(
            addresses=list(dict.fromkeys(item.external_id for item in items)),
            lines=[item.position + 1 for item in {item.external_id: item for item in items}.values()],
        )
        return _preview(request, picked, "address")
    except CannotStart as error:
        return previews.show_why_not_started(request, error, request.get_full_path())


ACTIONS = {"crawl": _crawl, "ingest": _ingest, "pick": _pick}


def _preview(request: WorkspaceRequest, pasted: PastedAddresses, unit: str) -> HttpResponse:
    """The preview. Raises CannotStart."""
    found = web.freeze_web(workspace=request.workspace, pasted=pasted, unit=unit)
    return previews.show_preview(request, found)


def _show_errors(request: WorkspaceRequest, form: PasteForm) -> HttpResponse:
    """The errors beside the field; what was typed stays."""
    if request.htmx:
        return render(request, f"{PAGE}#paste", {"paste": form}, status=422)
    return render(request, PAGE, _page_context(request, _crawl_of(request), paste=form), status=422)
