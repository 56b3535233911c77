"""Register: one resource or several by a form, many by a pasted text or a file; then the preview."""

from collections import Counter
from collections.abc import Callable
from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django_htmx.http import retarget, trigger_client_event

from fini_admin.fini.addresses import hint_of
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.comparison import known_ids
from fini_admin.ingestion.previews import RegisterNotes, freeze_register
from fini_admin.web.body_size import drain, large_body, too_large
from fini_admin.web.forms.register import LOST, MOST_BYTES, MOST_LINES, Entry, ImportForm, hush
from fini_admin.web.pages import show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views.previews import offer
from fini_admin.workspaces.permissions import Permission
from fini_admin.workspaces.preferences import preferences

PAGE = "register.html"
DRAINED = 1 << 28
TOO_LARGE = (
    f"What was sent is larger than {MOST_BYTES >> 20} MB, the most that is taken at once: cut it into parts."
    " Nothing was registered."
)


@requires(Permission.SOURCES_REGISTER)
@csrf_exempt  # `answer` checks it: the check reads the whole body, whose size has to be looked at before
@large_body
def register(request: WorkspaceRequest) -> HttpResponseBase:
    """The page; a body that is too large is not read into memory."""
    if request.method != "POST" or not too_large(request, register):
        return answer(request)
    drain(request, DRAINED)
    if request.htmx:
        context = {"errors": [TOO_LARGE]}
        return retarget(render(request, f"{PAGE}#said", context, status=422), "#id_file_said")
    back = f"{TOO_LARGE} The browser's back button leads to what you had typed."
    return page(request, entry_of(request, posted=False), ImportForm(), status=413, trouble=back)


@csrf_protect
def answer(request: WorkspaceRequest) -> HttpResponseBase:
    """The empty form, or what the pressed button asks for."""
    if request.method != "POST":
        return page(request, entry_of(request, posted=False), ImportForm())
    do, _, name = (request.POST.get("do") or request.GET.get("do", "")).partition("-")
    deeds: dict[str, Callable[[WorkspaceRequest, str], HttpResponseBase]] = {
        "check": check,
        "add": change_rows,
        "remove": change_rows,
        "preview": preview_import,
        "ingest": preview_rows,
    }
    return deeds.get(do, preview_rows)(request, name)


def entry_of(request: WorkspaceRequest, *, posted: bool = True) -> Entry:
    """The form as it was sent, or an empty one; it offers the workspace's MIME types."""
    offered = preferences(request.workspace).mime_types
    if posted:
        return Entry(request.POST, mime_types=offered)
    return Entry(provider=request.GET.get("provider", ""), mime_types=offered)


def check(request: WorkspaceRequest, name: str) -> HttpResponse:
    """What is wrong with a field as it stands, and what an address suggests for the fields beside it."""
    row, _, field = name.partition("-")
    form = entry_of(request).rows.get(row)
    if form is None or field not in form.fields:
        raise Http404
    form.is_valid()
    found = hint_of(form.cleaned_data.get("original_url", "")) if field == "original_url" else None
    context = {
        "errors": form.errors.get(field),
        "other": other_provider(request, found.provider) if found else "",
        "note": found.note if found else "",
    }
    answered = render(request, f"{PAGE}#said", context)
    if found and not form.errors.get(field):
        suggested = {
            "row": row,
            "title": found.title,
            "external_id": found.external_id,
            "provider": found.provider,
        }
        trigger_client_event(answered, "suggested", suggested)
    return answered


def other_provider(request: WorkspaceRequest, name: str) -> str:
    """The provider that an address is of when another one is chosen."""
    chosen = request.POST.get("provider", "")
    return PROVIDERS[name].label if name and chosen in PROVIDERS and name != chosen else ""


def change_rows(request: WorkspaceRequest, name: str) -> HttpResponse:
    """One row more at the end, or the named one less; what was typed stays."""
    entry = entry_of(request)
    if name:
        entry.remove(name)
    else:
        entry.add()
    entry.hush_rows()
    hush(entry.provider)
    return page(request, entry, pasted(request), part="rows")


def preview_rows(request: WorkspaceRequest, _: str) -> HttpResponseBase:
    """The preview of what the rows hold."""
    entry = entry_of(request)
    if not entry.is_valid():
        return page(request, entry, pasted(request), status=422)
    ingest = request.POST.get("do") == "ingest"
    if ingest and Permission.SOURCES_INGEST not in request.permissions:
        raise PermissionDenied
    found = freeze_register(
        actor=request.user.email,
        workspace=request.workspace,
        provider=entry.provider_name,
        resources=entry.resources(),
        then_ingest=ingest,
    )
    return offer(request, found)


def preview_import(request: WorkspaceRequest, _: str) -> HttpResponseBase:
    """The preview of what the text or the file holds, with what is left out of it and why."""
    entry = entry_of(request)
    name = entry.provider_name
    known = partial(known_ids, request.workspace, name)
    upload = ImportForm(request.POST, request.FILES, provider=name, known=known)
    if not upload.is_valid() or not entry.provider.is_valid():
        entry.hush_rows()
        return page(request, entry, upload, status=422)
    found = freeze_register(
        actor=request.user.email,
        workspace=request.workspace,
        provider=entry.provider_name,
        resources=upload.reading.resources,
        then_ingest=False,
        mime_type=entry.mime_types[entry.provider_name],
        places=[f"{upload.reading.unit} {line:,}" for line in upload.reading.lines],
        notes=RegisterNotes(
            unit=upload.reading.unit,
            notes=notes(upload, entry.provider_name),
            problems=upload.reading.problems,
            duplicates=upload.reading.duplicates,
            choose=True,
        ),
    )
    return offer(request, found)


def pasted(request: WorkspaceRequest) -> ImportForm:
    """What stands in the text field while another button is pressed."""
    return ImportForm(initial={"text": request.POST.get("text", "")})


def notes(upload: ImportForm, provider: str) -> list[str]:
    """What to look at before this is confirmed."""
    said = list(upload.reading.notes)
    resources = upload.reading.resources
    lost = sum(LOST in resource.title for resource in resources)
    if lost:
        said.append(f"Titles that hold � in place of a character that was lost: {lost:,}.")
    of = Counter(hint_of(resource.original_url).provider for resource in resources)
    for name, count in of.items():
        if name and name != provider:
            labels = PROVIDERS[name].label, PROVIDERS[provider].label
            said.append(
                f"Addresses that look like {labels[0]}, not {labels[1]}: {count:,} of {len(resources):,}."
            )
    return said


def page(
    request: WorkspaceRequest,
    entry: Entry,
    upload: ImportForm,
    *,
    part: str = "entry",
    status: int = 200,
    trouble: str = "",
) -> HttpResponse:
    """The page, or for htmx the part of it that changes; errors go where the form stands, not into the dialog."""
    context = {
        "entry": entry,
        "upload": upload,
        "trouble": trouble,
        "may_ingest": Permission.SOURCES_INGEST in request.permissions,
        "most_bytes": MOST_BYTES,
        "most_lines": MOST_LINES,
    }
    answered = show(request, PAGE, context, parts=(part,), status=status)
    if request.htmx and part == "entry":
        retarget(answered, "#entry")["HX-Reswap"] = "innerMorph"
    return answered
