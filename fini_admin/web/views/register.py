"""Register: resources typed into rows, or imported from a pasted text or a file; then the preview."""

from collections.abc import Callable
from functools import partial

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django_htmx.http import retarget, trigger_client_event

from fini_admin.fini.addresses import hint_of, other_id
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion import resource_rules
from fini_admin.ingestion.kinds.registrations import RegisterNotes, freeze_register
from fini_admin.ingestion.planning.comparison import known_ids
from fini_admin.web.body_size import discard_body, large_body, too_large
from fini_admin.web.forms.register import (
    MOST_BYTES,
    MOST_LINES,
    ImportForm,
    RegisterForm,
    clear_blank_errors,
)
from fini_admin.web.pages import render_page, unknown_action
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.views.previews import show_preview
from fini_admin.workspaces.permissions import Permission
from fini_admin.workspaces.preferences import preferences

PAGE = "register.html"
DRAINED = 1 << 28
TOO_LARGE = (
    f"What was sent is larger than {MOST_BYTES >> 20} MB, the most that is taken at once: cut it into parts."
    " Nothing was registered."
)


@requires(Permission.SOURCES_REGISTER)
@csrf_exempt  # `_answer` checks the token: the check reads the whole body, so the size must be checked first
@large_body
def register(request: WorkspaceRequest) -> HttpResponseBase:
    """The page. A body that is too large is not read into memory."""
    if request.method != "POST" or not too_large(request, register):
        return _answer(request)
    discard_body(request, DRAINED)
    if request.htmx:
        context = {"errors": [TOO_LARGE]}
        return retarget(render(request, f"{PAGE}#said", context, status=422), "#id_file_said")
    back = f"{TOO_LARGE} The browser's back button leads to what you had typed."
    return _register_page(request, _form(request, posted=False), ImportForm(), status=413, trouble=back)


@csrf_protect
def _answer(request: WorkspaceRequest) -> HttpResponseBase:
    """The empty form, or the pressed button's action."""
    if request.method != "POST":
        return _register_page(request, _form(request, posted=False), ImportForm())
    do, _, name = (request.POST.get("do") or request.GET.get("do", "")).partition("-")
    actions: dict[str, Callable[[WorkspaceRequest, str], HttpResponseBase]] = {
        "check": _check_field,
        "add": _change_rows,
        "remove": _change_rows,
        "preview": _preview_import,
        "register": _preview_rows,
        "ingest": _preview_rows,
    }
    action = actions.get(do)
    if action is None:
        return unknown_action()
    return action(request, name)


def _form(request: WorkspaceRequest, *, posted: bool = True) -> RegisterForm:
    """The form as it was sent, or an empty one, with the workspace's MIME types."""
    offered = preferences(request.workspace).mime_types
    if posted:
        return RegisterForm(request.POST, mime_types=offered)
    return RegisterForm(provider=request.GET.get("provider", ""), mime_types=offered)


def _check_field(request: WorkspaceRequest, name: str) -> HttpResponse:
    """One field's error, and what its URL suggests for the fields beside it."""
    row, _, field = name.partition("-")
    form = _form(request).rows.get(row)
    if form is None or field not in form.fields:
        raise Http404
    form.is_valid()
    address, typed = (form.cleaned_data.get(name, "") for name in ("original_url", "external_id"))
    found = hint_of(address) if field == "original_url" else None
    provider = request.POST.get("provider", "")
    context = {
        "errors": form.errors.get(field),
        "other": _other_provider(request, found.provider) if found else "",
        "note": found.note if found else "",
        "other_id": other_id(provider, typed, address) if field == "external_id" and typed else "",
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


def _other_provider(request: WorkspaceRequest, name: str) -> str:
    """The label of the URL's provider, if another one is chosen."""
    chosen = request.POST.get("provider", "")
    return PROVIDERS[name].label if name and chosen in PROVIDERS and name != chosen else ""


def _change_rows(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Add a row, or remove the named one; what was typed stays."""
    entry = _form(request)
    if name:
        entry.remove(name)
    else:
        entry.add()
    entry.hush_rows()
    clear_blank_errors(entry.provider)
    return _register_page(request, entry, _pasted_text(request), part="rows")


def _preview_rows(request: WorkspaceRequest, _: str) -> HttpResponseBase:
    ingest = request.POST.get("do") == "ingest"
    if ingest:
        check_permissions(request, Permission.SOURCES_INGEST)
    entry = _form(request)
    if not entry.is_valid():
        return _register_page(request, entry, _pasted_text(request), status=422)
    found = freeze_register(
        workspace=request.workspace,
        provider=entry.provider_name,
        resources=entry.resources(),
        then_ingest=ingest,
    )
    return show_preview(request, found)


def _preview_import(request: WorkspaceRequest, _: str) -> HttpResponseBase:
    """Preview the text or file, with what is left out and why."""
    entry = _form(request)
    name = entry.provider_name
    known = partial(known_ids, request.workspace, name)
    upload = ImportForm(request.POST, request.FILES, provider=name, known=known)
    if not upload.is_valid() or not entry.provider.is_valid():
        entry.hush_rows()
        return _register_page(request, entry, upload, status=422)
    found = freeze_register(
        workspace=request.workspace,
        provider=entry.provider_name,
        resources=upload.reading.resources,
        then_ingest=False,
        mime_type=entry.mime_types[entry.provider_name],
        places=[f"{upload.reading.unit} {line:,}" for line in upload.reading.lines],
        notes=RegisterNotes(
            unit=upload.reading.unit,
            notes=upload.reading.notes,
            problems=upload.reading.problems,
            duplicates=upload.reading.duplicates,
            choose=True,
        ),
    )
    return show_preview(request, found)


def _pasted_text(request: WorkspaceRequest) -> ImportForm:
    """The import form with its text, when another button was pressed."""
    return ImportForm(initial={"text": request.POST.get("text", "")})


def _register_page(
    request: WorkspaceRequest,
    entry: RegisterForm,
    upload: ImportForm,
    *,
    part: str = "entry",
    status: int = 200,
    trouble: str = "",
) -> HttpResponse:
    """The page, or for htmx its changed part; errors replace the form and do not open the dialog."""
    context = {
        "entry": entry,
        "upload": upload,
        "trouble": trouble,
        "may_ingest": Permission.SOURCES_INGEST in request.permissions,
        "most_bytes": MOST_BYTES,
        "most_megabytes": MOST_BYTES >> 20,
        "most_lines": MOST_LINES,
        "longest": resource_rules.LONGEST,
    }
    answered = render_page(request, PAGE, context, parts=(part,), status=status)
    if request.htmx and part == "entry":
        retarget(answered, "#entry")["HX-Reswap"] = "innerMorph"
    return answered
